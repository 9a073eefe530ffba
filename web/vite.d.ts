/** Vite puts imported styles into the built page. */
declare module "*.css";

interface ImportMeta {
  /** `DEV`: the page is served by `npm run web`. Vite replaces it when it builds. */
  readonly env: { readonly DEV: boolean };
}
