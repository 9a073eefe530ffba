// The script of the hostile page of test/e2e/hostile-page.test.ts. Each function tries what a page
// can try with the service at `url`, in whose cookie jar the browser has a person's session.

/** The error, or what a script of this page learns, for each way to read each path. */
async function read(url, paths) {
  const told = {};
  const attempt = async (name, work) => {
    told[name] = await work().catch((error) => error.name);
  };
  const loaded = (element) =>
    new Promise((resolve) => {
      element.addEventListener("load", () => resolve("loaded"));
      element.addEventListener("error", () => resolve("blocked"));
      document.body.append(element);
    });
  const make = (tag, fields) => () => loaded(Object.assign(document.createElement(tag), fields));
  for (const path of paths) {
    const address = `${url}/${path}`;
    const get = (init) => () =>
      fetch(address, { credentials: "include", ...init }).then((answer) => answer.text());
    await attempt(`fetch ${path}`, get({}));
    await attempt(`fetch with the header ${path}`, get({ headers: { "x-lyftr-ui": "1" } }));
    await attempt(`fetch without CORS ${path}`, get({ mode: "no-cors" }));
    await attempt(`script ${path}`, make("script", { src: address }));
    await attempt(`image ${path}`, make("img", { src: address }));
    await attempt(`style ${path}`, make("link", { rel: "stylesheet", href: address }));
  }
  return told;
}

/** Sends each request in each way that needs no permission, and in some that need one. */
async function act(url, requests) {
  for (const [method, path, body] of requests) {
    for (const more of [
      {},
      { headers: { "x-lyftr-ui": "1" } },
      { mode: "no-cors", headers: { "content-type": "text/plain" } },
      { mode: "no-cors", headers: { "x-lyftr-ui": "1" } },
    ]) {
      const init = { method, credentials: "include", ...(body === "" ? {} : { body }), ...more };
      await fetch(`${url}/${path}`, init).catch(() => undefined);
    }
    navigator.sendBeacon(`${url}/${path}`, body);
    if (method === "POST") await submit(`${url}/${path}`);
  }
}

/** Posts a form, which shows the answer in a frame. */
async function submit(action) {
  const frame = document.createElement("iframe");
  frame.name = action;
  const form = document.createElement("form");
  Object.assign(form, { method: "post", enctype: "text/plain", action, target: action });
  const field = document.createElement("input");
  Object.assign(field, { name: '{"name":"form","scope":"admin","x":"', value: '"}' });
  form.append(field);
  document.body.append(frame, form);
  const ended = new Promise((resolve) => frame.addEventListener("load", resolve));
  form.submit();
  await ended;
}

/** Shows pages of the service in frames. */
async function frame(url, paths) {
  for (const path of paths) {
    const one = document.createElement("iframe");
    one.src = `${url}/${path}`;
    const ended = new Promise((resolve) => one.addEventListener("load", resolve));
    document.body.append(one);
    await ended;
  }
}

/** What this page still has of a window that it opened. */
async function openWindow(url, msMax) {
  const opened = window.open(`${url}/ui/`);
  const deadline = performance.now() + msMax;
  for (;;) {
    if (opened === null || opened.closed) return "nothing";
    try {
      void opened.document.title;
    } catch (error) {
      // Only an address that browsers trust can cut the tie.
      if (!url.includes("127.0.0.1")) return error.name;
    }
    if (performance.now() > deadline) return "a window";
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Object.assign(window, { hostile: { read, act, frame, openWindow } });
