/** The proxy before a database that is further away, as a process of its own, so that its CPU time is nobody else's. */

import { startDelayProxy } from "../delay-proxy.ts";

const [serverPort, oneWayMillis] = process.argv.slice(2).map(Number);
if (serverPort === undefined || oneWayMillis === undefined) throw new Error("usage: PORT MILLIS");
const { port } = startDelayProxy(serverPort, oneWayMillis);
const before = process.cpuUsage();
console.log(port);
// Standard input ends when the run does, or the bench, however it ends.
for await (const _ of Bun.stdin.stream()) {
}
const { user, system } = process.cpuUsage(before);
console.log(user + system);
process.exit(0);
