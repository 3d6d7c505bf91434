/** Makes the mapping of a run from `[table]` and its columns, and tells what in them cannot work. */

import { type ColumnMapping, type Conflict, type Mapping, userLogins } from "../message/mapping.ts";
import { nearestName } from "../text/nearest-name.ts";
import { readColumn } from "./column-mapping.ts";
import { shownWord } from "./setting.ts";
import type { FileTable } from "./setting-table.ts";

/** One thing that is wrong with the file. */
export interface SettingFault {
  /** The way to the value in the file; the last part may be a key that is missing there. */
  readonly keys: readonly (string | number)[];
  /** What is wrong, as a sentence. */
  readonly says: string;
  /** What to change. @defaultValue to edit the line */
  readonly hint?: string | undefined;
}

/**
 * A fault of one key.
 *
 * @param says the sentence behind the key's name; which of several columns is meant is told by the line
 */
export function keyFault(keys: SettingFault["keys"], says: string, hint?: string): SettingFault {
  const name = keys.filter((key) => typeof key === "string").join(".");
  return { keys, says: `${name} ${says}`, hint };
}

/** The mapping of a table, or why there can be none. */
export type ReadMapping = { readonly mapping: Mapping } | { readonly faults: readonly SettingFault[] };

/** Types whose values have an order in time, or can be made to grow with it. */
const orderedTypes: readonly string[] = ["integer", "bigint", "numeric", "date", "timestamptz"];

/** Reads `[table]`; the preset `user-logins` if it has no columns. */
export function readMapping(table: FileTable = {}): ReadMapping {
  const faults: SettingFault[] = [];
  const columns = readColumns(table, faults);
  faults.push(...conflictFaults(table, columns));
  if (table.columns !== undefined && table.preset !== undefined) {
    faults.push(tableFault("preset", "and [[table.columns]] do not go together", "keep one of the two"));
  }
  if (table.columns !== undefined && table.name === undefined) {
    faults.push(tableFault("name", "is missing, and [[table.columns]] needs the table that they are of"));
  }
  return faults.length > 0 ? { faults } : { mapping: { columns, conflict: conflictOf(table) } };
}

function readColumns({ columns: entries }: FileTable, faults: SettingFault[]): readonly ColumnMapping[] {
  if (entries === undefined) return userLogins.columns;
  return entries.flatMap((entry, index) => {
    const keys = ["table", "columns", index];
    if (entries.findIndex(({ name }) => name === entry.name) < index) {
      faults.push(keyFault([...keys, "name"], "is the name of another column above", "take one of them out"));
    }
    const read = readColumn(entry);
    if ("column" in read) return [read.column];
    faults.push(keyFault([...keys, read.fault.key], read.fault.says));
    return [];
  });
}

/** What `[table]` says, once nothing is wrong with it. */
function conflictOf({ conflict: action = "reject", key, newest_by }: FileTable): Conflict {
  if (action === "ignore") return key === undefined ? { action } : { action, key };
  if (action === "reject" || key === undefined || newest_by === undefined) return { action: "reject" };
  return { action, key, newestBy: newest_by };
}

function* conflictFaults(table: FileTable, columns: readonly ColumnMapping[]): Generator<SettingFault> {
  const { conflict: action = "reject", key, newest_by } = table;
  if (action === "reject" && key !== undefined) {
    yield tableFault("key", 'needs conflict = "ignore" or "update"');
  }
  if (action !== "update" && newest_by !== undefined) {
    yield tableFault("newest_by", 'needs conflict = "update"');
  }
  if (action === "reject") return;
  // What a faulty entry would have been called is no reason for a second fault.
  const names = table.columns?.map(({ name }) => name) ?? columns.map(({ column }) => column);
  for (const [index, name] of (key ?? []).entries()) {
    if (key?.indexOf(name) !== index) yield tableFault("key", `names ${shownWord(name)} twice`);
    else if (!names.includes(name)) yield tableFault("key", unmapped(name, names));
  }
  if (action !== "update") return;
  const update = 'is missing: with conflict = "update" it';
  if (key === undefined) yield tableFault("key", `${update} lists the columns that tell rows apart`);
  if (newest_by === undefined) {
    yield tableFault("newest_by", `${update} is the column that says which row is newer`);
  } else if (key?.includes(newest_by)) {
    yield tableFault("newest_by", "is part of the key: rows of one key would all be equally new");
  } else if (key !== undefined && !names.includes(newest_by)) {
    yield tableFault("newest_by", unmapped(newest_by, names));
  } else if (key !== undefined) {
    const column = columns.find((candidate) => candidate.column === newest_by);
    const says = column && newestByFault(column);
    if (says !== undefined) yield tableFault("newest_by", says);
  }
}

function newestByFault({ type, transforms, required, source }: ColumnMapping): string | undefined {
  if (source.in === "constant") return "names a constant, by which no row is newer than another";
  if (transforms.some(({ kind }) => kind === "mask")) return "names a masked column, which has no order";
  if (!orderedTypes.includes(type)) {
    return `must name a column of the type ${orderedTypes.join(", ")}; found one of the type ${type}`;
  }
  return required
    ? undefined
    : "must name a column with required = true: a row without it is neither newer nor older";
}

function unmapped(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names);
  return `must name a mapped column; found ${shownWord(name)}${nearest === undefined ? "" : `; did you mean "${nearest}"?`}`;
}

function tableFault(key: keyof FileTable, says: string, hint?: string): SettingFault {
  return keyFault(["table", key], says, hint);
}
