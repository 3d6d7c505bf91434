import { expect, test } from "bun:test";
import { userLogins } from "../src/message/mapping.ts";
import { migrationSql } from "../src/postgres/migrate.ts";

interface Service {
  readonly image: string;
  readonly ports: readonly string[];
  readonly configs: readonly { readonly source: string; readonly target: string }[];
  readonly healthcheck: { readonly test: readonly string[] };
}

interface ComposeFile {
  readonly services: Readonly<Record<"queue" | "database", Service>>;
  readonly configs: Readonly<Record<"queues" | "table", { readonly content: string }>>;
}

const text = await Bun.file(new URL("../docker-compose.yml", import.meta.url)).text();
const compose = Bun.YAML.parse(text) as ComposeFile;
const services = Object.entries(compose.services);

test("the table is made as `etl migrate --print` says", () => {
  // Compose reads `$name` as a variable and `$$` as a dollar sign.
  expect(compose.configs.table.content.replaceAll("$$", "$")).toBe(migrationSql(userLogins, "user_logins"));
});

test("no dollar sign is left to be taken for a variable", () => {
  expect(text.replaceAll("$$", "")).not.toContain("$");
});

test.each(services)(
  "%s has a pinned image, a health check, and a port open to this machine alone",
  (_, service) => {
    expect(service.image).toMatch(/:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
    expect(service.healthcheck.test[0]).toBe("CMD");
    expect(service.ports.length).toBe(1);
    for (const port of service.ports) expect(port).toStartWith("127.0.0.1:");
  },
);
