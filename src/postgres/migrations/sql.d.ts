/** Tells the compiler what `with { type: "text" }` makes of an SQL file. */
declare module "*.sql" {
  const text: string;
  export default text;
}
