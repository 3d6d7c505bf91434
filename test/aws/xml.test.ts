import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import { UnreadableAnswer, XmlReader } from "../../src/aws/xml.ts";

interface Element {
  readonly name: string;
  readonly text: string;
}

/** Reads a root whose children hold text only. */
function readFlat(xml: string): { root: string; children: Element[] } {
  const reader = new XmlReader(xml);
  const root = reader.root();
  const children: Element[] = [];
  for (let name = reader.child(); name !== undefined; name = reader.child()) {
    children.push({ name, text: reader.text() });
  }
  reader.end();
  return { root, children };
}

/** Reads a root and passes over all it holds. */
function skipAll(xml: string): void {
  const reader = new XmlReader(xml);
  reader.root();
  reader.skip();
  reader.end();
}

const text = (xml: string) => readFlat(`<r><a>${xml}</a></r>`).children[0]?.text;

describe("what is read", () => {
  test("prologue, namespaces, comments, instructions and white space around elements", () => {
    const xml = `<?xml version="1.0" encoding="UTF-8"?>\r\n<!-- <r> -->\n<r xmlns="urn:x" xmlns:y='urn:"y"' >
      <!-- a comment with <tags> & ampersands -->
      <?instruction <a>?>
      <a y:z="1>2">1</a>\t<b  />
      <b></b >
    </r  >\n<!-- after -->\n`;
    expect(readFlat(xml)).toEqual({
      root: "r",
      children: [
        { name: "a", text: "1" },
        { name: "b", text: "" },
        { name: "b", text: "" },
      ],
    });
  });

  test.each([
    ["&lt;&amp;&gt;&quot;&apos;", `<&>"'`],
    ["&amp;quot;&amp;lt;&amp;#65;", "&quot;&lt;&#65;"],
    ["&#13;&#xD;&#xd;&#10;", "\r\r\r\n"],
    ["&#x1F600;&#128512;", "😀😀"],
    ["&#x10FFFF;", "\u{10ffff}"],
    ["<![CDATA[<b>&amp;</b>]]> and <![CDATA[]]>more", "<b>&amp;</b> and more"],
    ["one<!-- <not> read -->two<?nor this?>", "onetwo"],
    ["  spaces\tand\r\nline ends stay \u2028 ", "  spaces\tand\r\nline ends stay \u2028 "],
    ["", ""],
  ])("%p as text", (xml, expected) => {
    expect(text(xml)).toBe(expected);
  });

  test("elements that nobody asked for are passed over, however they are nested", () => {
    skipAll("<r><a><b/><c x='1'><![CDATA[</c>]]><!-- </c> --><d>&#65;</d></c></a> text <e/></r>");
  });
});

describe("what is refused, as not SQS's, without a word of it", () => {
  const documents = [
    "",
    "   ",
    "secret",
    '{"secret":1}',
    "<!DOCTYPE html><html><body>secret</body></html>",
    '<!DOCTYPE r [<!ENTITY secret "x">]><r><a>&secret;</a></r>',
    "<r>",
    "<r><a>secret",
    "<r><a>secret</a>",
    "<r><a>secret</b></r>",
    "<r><a>secret</a></r><r/>",
    "<r><a>secret</a></r> secret",
    "<r>secret<a/></r>",
    "<r><a>secret<b/></a></r>",
    "<r><a>&secret;</a></r>",
    "<r><a>secret & more</a></r>",
    "<r><a>&#0;secret</a></r>",
    "<r><a>&#xD800;secret</a></r>",
    "<r><a>&#x110000;secret</a></r>",
    "<r><a><![CDATA[secret</a></r>",
    "<r><a><!-- secret</a></r>",
    '<r secret="<"><a/></r>',
    "<r secret><a/></r>",
    "<r secret=1><a/></r>",
    '<r a="1"b="2"/>',
    "< r/>",
    "<1/>",
    "<r",
    "<r/",
    "</r>",
  ];
  test.each(documents)("%p", (xml) => {
    expect(() => readFlat(xml)).toThrow(UnreadableAnswer);
    expect(() => readFlat(xml)).not.toThrow("secret");
  });

  const unread = ["<r><a></r></a>", "<r><a>&nope;</a></r>", "<r><a>", "<r><a><!</a></r>"];
  test.each(unread)("%p, even unread", (xml) => {
    expect(() => skipAll(xml)).toThrow(UnreadableAnswer);
  });
});

describe("as another reader reads it", () => {
  const oracle = new XMLParser({
    preserveOrder: true,
    parseTagValue: false,
    trimValues: false,
    ignoreAttributes: true,
    ignoreDeclaration: true,
    processEntities: { enabled: true, maxTotalExpansions: 1e6, maxExpandedLength: 1e7 },
    htmlEntities: true,
    cdataPropName: false,
  });

  const space = fc.constantFrom("", " ", "\n  ", "\t", "<!-- <x> -->");
  const character = fc.oneof(
    fc
      .string({ unit: "binary", minLength: 1, maxLength: 1 })
      .filter((char) => /^[\x20-\u{10ffff}]$/u.test(char)),
    fc.constantFrom("<", ">", "&", '"', "'", "\n", "\t", " ", "\u2028", "😀", "\r"),
  );
  const escapes: Readonly<Record<string, readonly string[]>> = {
    "<": ["&lt;", "&#60;", "&#x3C;"],
    "&": ["&amp;", "&#38;", "&#x26;"],
    ">": ["&gt;", ">", "&#x3e;"],
    '"': ["&quot;", '"', "&#34;"],
    "'": ["&apos;", "'", "&#39;"],
    "\r": ["&#13;", "&#xD;"],
  };
  const written = fc.tuple(character, fc.nat(5)).map(([char, choice]) => {
    const ways = escapes[char] ?? [char, char, `&#x${char.codePointAt(0)?.toString(16)};`];
    return { char, xml: ways[choice % ways.length] ?? char };
  });
  const name = fc.constantFrom("Body", "MessageId", "a", "Attribute.Name", "x-y_z");
  const element = fc.record({ name, characters: fc.array(written, { maxLength: 30 }), before: space });

  test("texts come out as they were written, whichever way they were escaped", () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 8 }), space, (elements, after) => {
        const xml = `<?xml version="1.0"?>\n<r xmlns="urn:x">${elements
          .map(({ name, characters, before }) => {
            const inner = characters.map(({ xml }) => xml).join("");
            return `${before}<${name} a="b">${inner}</${name}>`;
          })
          .join("")}${after}</r>`;
        const expected = elements.map(({ name, characters }) => {
          return { name, text: characters.map(({ char }) => char).join("") };
        });
        expect(readFlat(xml).children).toEqual(expected);

        const nodes = oracle.parse(xml)[0].r as Record<string, { "#text"?: string }[]>[];
        const read = nodes
          .filter((node) => !("#text" in node))
          .map((node) => {
            const [name, parts] = Object.entries(node).find(([key]) => key !== ":@") ?? ["", []];
            return { name, text: parts.map((part) => part["#text"] ?? "").join("") };
          });
        expect(read).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("no cut of a good document is a good document", () => {
    const xml = '<?xml version="1.0"?><r xmlns="urn:x"><a>1 &lt; 2</a><b><![CDATA[x]]></b><c/></r>';
    for (let end = 0; end < xml.length; end += 1)
      expect(() => skipAll(xml.slice(0, end))).toThrow(UnreadableAnswer);
    skipAll(xml);
  });

  test("no noise makes it fail in another way, or for ever", () => {
    const pieces = `< > / <r> </r> <a> </a> <a/> <!-- --> <![CDATA[ ]]> <? ?> & &lt; &#x; ; = " r`.split(" ");
    const noise = fc.constantFrom(" ", ...pieces);
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 20 }), (pieces) => {
        for (const read of [readFlat, skipAll]) {
          try {
            read(pieces.join(""));
          } catch (error) {
            expect(error).toBeInstanceOf(UnreadableAnswer);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
