/** What is compared: a program, and the queue and the table that it is given. */

import type { Command } from "./child-process.ts";

/** What a contender is told. */
export interface Place {
  readonly queueUrl: string;
  readonly databaseUrl: string;
  /** How many messages are in the queue. */
  readonly messages: number;
}

/** A part of a drain that can be replaced by nothing. */
export type DrainPart = "receive" | "load" | "delete";

/** One row of the table. */
export interface Contender {
  /** As `--only` takes it. */
  readonly name: string;
  readonly messages: number;
  /** Added to every call to the queue. */
  readonly roundTripMillis: number;
  /** Between it and the database, through a proxy; undefined if it connects to the database itself. */
  readonly databaseRoundTripMillis?: number;
  /** Whether ten million rows and ledger entries are there already. */
  readonly filled: boolean;
  /** How many processes share the queue. */
  readonly processes: number;
  /** Whether it ends by itself when the queue is empty; others are sent SIGTERM when all messages are deleted. */
  readonly endsItself: boolean;
  /** What it does; one that does not do all prints its own figures, as {@link PartFigures}. */
  readonly parts: "all" | readonly DrainPart[];
  command(place: Place): Command;
}

/** What a contender that does only some parts prints, as JSON. */
export interface PartFigures {
  /** User and system, of the drain alone. */
  readonly cpuMicros: number;
  readonly millis: number;
}
