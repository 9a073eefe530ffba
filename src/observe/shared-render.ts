/**
 * Renders that are done at once, so that a scrape shows current figures. Beyond that, there is one
 * a second.
 */
const RENDERS_AT_ONCE_MAX = 4;
const RENDER_EVERY_MS = 1_000;

export interface SharedRenderOptions {
  readonly render: () => Promise<string>;
  readonly monotonic: () => number;
}

/**
 * A text that is expensive to render. One render runs at a time, and all requests during it share
 * the result. After a few renders the latest text is repeated until the next second, so any number
 * of requests costs at most one render a second.
 */
export class SharedRender {
  readonly #options: SharedRenderOptions;
  #running: Promise<Buffer> | undefined;
  #latest: Buffer | undefined;
  #rendersLeft = RENDERS_AT_ONCE_MAX;
  #countedMs: number;

  constructor(options: SharedRenderOptions) {
    this.#options = options;
    this.#countedMs = options.monotonic();
  }

  /** The text as bytes, which any number of responses can send without a copy. */
  get(): Promise<Buffer> {
    if (this.#running !== undefined) return this.#running;
    if (!this.#mayRender() && this.#latest !== undefined) return Promise.resolve(this.#latest);
    this.#running = this.#render().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #render(): Promise<Buffer> {
    this.#latest = Buffer.from(await this.#options.render());
    return this.#latest;
  }

  #mayRender(): boolean {
    const nowMs = this.#options.monotonic();
    const earned = (nowMs - this.#countedMs) / RENDER_EVERY_MS;
    this.#rendersLeft = Math.min(RENDERS_AT_ONCE_MAX, this.#rendersLeft + earned);
    this.#countedMs = nowMs;
    if (this.#rendersLeft < 1) return false;
    this.#rendersLeft--;
    return true;
  }
}
