import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

/** A component whose code is loaded when it is first shown, or when `preload` is called. */
export type Lazy<Props> = ComponentType<Props> & { readonly preload: () => Promise<void> };

/** Nothing is shown until the code is there, which takes one request. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): Lazy<Props> {
  let loaded: ComponentType<Props> | undefined;
  const preload = async () => {
    loaded = await load();
  };
  function Loaded(props: Props) {
    const [, redraw] = useState(false);
    useEffect(() => {
      if (loaded === undefined) void preload().then(() => redraw(true));
    }, []);
    const Shown = loaded;
    return Shown === undefined ? null : <Shown {...props} />;
  }
  return Object.assign(Loaded, { preload });
}
