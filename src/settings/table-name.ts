/** Puts a schema before a table's name that has none; what names are valid is for the database's folder to say. */

/** A part of a name: in double quotes, where it may hold a dot, or without. */
const schemaAndName = /^(?:"(?:[^"]|"")*"|[^".]*)\./;

/**
 * The table's name with its schema, as SQL writes it.
 *
 * @param schema for a name that has none, written as SQL writes it, too
 */
export function tableInSchema(name: string, schema: string | undefined): string {
  return schema === undefined || schemaAndName.test(name) ? name : `${schema}.${name}`;
}
