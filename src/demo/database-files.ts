/** What the embedded Postgres is made of, read from inside the executable: its own look-up fails there. */

import type { PGliteOptions } from "@electric-sql/pglite";
// `scripts/build` makes this one.
import dataFolder from "../../build/data-folder.tar.zst" with { type: "file" };
import initdbWasm from "../../node_modules/@electric-sql/pglite/dist/initdb.wasm" with { type: "file" };
import fsBundle from "../../node_modules/@electric-sql/pglite/dist/pglite.data" with { type: "file" };
import pgliteWasm from "../../node_modules/@electric-sql/pglite/dist/pglite.wasm" with { type: "file" };

/** The options that make PGlite start from the embedded files, with the data folder that was made at build time. */
export async function readDatabaseFiles(): Promise<PGliteOptions> {
  const [pgliteWasmModule, initdbWasmModule, folder] = await Promise.all([
    compile(pgliteWasm),
    // Never run, as the data folder is there; without it PGlite goes looking for the file.
    compile(initdbWasm),
    Bun.file(dataFolder).arrayBuffer().then(Bun.zstdDecompress),
  ]);
  return {
    pgliteWasmModule,
    initdbWasmModule,
    loadDataDir: new Blob([folder]),
    fsBundle: Bun.file(fsBundle),
  };
}

async function compile(path: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await Bun.file(path).arrayBuffer());
}
