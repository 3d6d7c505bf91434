/** Tells a refusal of one row from a failure of the whole: only the first may reject a message. */

/** What Postgres said of a row, without its values. */
export interface RowFault {
  /** The SQLSTATE. */
  readonly code: string;
  /** The column that refused it, where Postgres names one. */
  readonly column?: string;
  /** The constraint or unique index that refused it, where Postgres names one. */
  readonly constraint?: string;
}

/** The fields of a server's error that are safe to keep: codes and names, never `message` or `detail`. */
export interface ServerErrorFields {
  readonly code: string;
  readonly column_name?: string | undefined;
  readonly constraint_name?: string | undefined;
  /** The server's function that gave the error. */
  readonly routine?: string | undefined;
}

/** Classes of SQLSTATE that speak of a row's values. */
const rowClasses: Readonly<Record<string, string>> = {
  "22": "data exception: a value that its type, length or encoding does not allow",
  "23": "integrity constraint violation: null, unique, foreign key, check, exclusion",
  "44": "with check option violation: a row outside of what a view may hold",
};

/** Single codes that speak of a row. */
const rowCodes: Readonly<Record<string, string>> = {
  "21000": "a trigger's subquery found several rows for this one",
  "54000": "a value too large for its index",
  P0001: "a trigger raised an exception over this row",
  P0002: "a trigger's strict select found nothing for this row",
  P0003: "a trigger's strict select found too much for this row",
  P0004: "a trigger's assertion failed for this row",
};

/** The function behind PL/pgSQL's `raise`: whatever the code, it is the trigger's own word on the row that it was given. */
const raise = "exec_stmt_raise";

/**
 * Whether a server's error that will not pass by itself is one row's fault, whatever became of the others.
 *
 * A check violation without a constraint's name is a missing partition: the row may be good, and the table not.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isRowFault({ code, constraint_name, routine }: ServerErrorFields): boolean {
  if (routine === raise) return true;
  if (code === "23514" && !constraint_name) return false;
  return Object.hasOwn(rowClasses, code.slice(0, 2)) || Object.hasOwn(rowCodes, code);
}

/** What may be told of a refusal. */
export function rowFault({ code, column_name, constraint_name }: ServerErrorFields): RowFault {
  return {
    code,
    ...(column_name ? { column: column_name } : {}),
    ...(constraint_name ? { constraint: constraint_name } : {}),
  };
}
