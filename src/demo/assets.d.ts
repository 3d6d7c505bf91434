/** The files that the compiler embeds: an import `with { type: "file" }` gives the path to read one at. */

declare module "*.wasm" {
  const path: string;
  export default path;
}

declare module "*/pglite.data" {
  const path: string;
  export default path;
}

declare module "*.tar.zst" {
  const path: string;
  export default path;
}
