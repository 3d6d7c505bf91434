/** Proposes which fields are personal, by their names and by what their values look like; rather once too often. */

import { type Field, type FieldLooks, soleType } from "./fields.ts";
import { type PersonalShape, personalAmong, type Shape } from "./shapes.ts";
import { wordsOf } from "./words.ts";

/** Why a field is taken for personal, in words for a person. */
export type PersonalKind =
  | "IP address"
  | "e-mail address"
  | "phone number"
  | "device or advertising id"
  | "name"
  | "precise location"
  | "identity or payment"
  | "secret";

/**
 * The names, as sequences of words that stand in the field's name one after the other. A field is looked at by its whole
 * path, so that `user.name` is a name and `product.name` is none.
 */
const names: Readonly<Record<PersonalKind, readonly string[]>> = {
  "IP address": ["ip", "ipv4", "ipv6", "ipaddr", "ipaddress", "remote addr", "forwarded for", "xff"],
  "e-mail address": ["email", "e mail", "mail", "emailaddress", "correo"],
  "phone number": [
    "phone",
    "telephone",
    "tel",
    "mobile",
    "msisdn",
    "cell",
    "fax",
    "phonenumber",
    "telefon",
    "telefono",
    "telefonnummer",
    "handy",
  ],
  "device or advertising id": [
    ...[
      "device id",
      "deviceid",
      "device",
      "udid",
      "android id",
      "androidid",
      "imei",
      "meid",
      "imsi",
      "iccid",
    ],
    ...[
      "idfa",
      "idfv",
      "gaid",
      "aaid",
      "adid",
      "ad id",
      "advertising id",
      "advertiser id",
      "mac",
      "fingerprint",
    ],
    ...["serial", "cookie", "cookie id", "push token", "user agent", "useragent", "vin"],
  ],
  name: [
    ...["first name", "firstname", "last name", "lastname", "surname", "full name", "fullname", "given name"],
    ...["family name", "middle name", "maiden name", "nick name", "nickname", "display name", "username"],
    ...[
      "user name",
      "customer name",
      "contact name",
      "person name",
      "account name",
      "owner name",
      "holder name",
    ],
    ...["sender name", "recipient name", "patient name", "member name", "guest name", "employee name"],
    ...["author name", "login", "nick", "cardholder", "card holder", "policy holder", "beneficiary"],
    ...["vorname", "nachname", "nom", "prenom", "nombre", "apellido"],
  ],
  "precise location": [
    ...[
      "lat",
      "latitude",
      "lng",
      "lon",
      "long",
      "longitude",
      "geo",
      "geohash",
      "gps",
      "coordinates",
      "coords",
    ],
    ...[
      "location",
      "position",
      "address",
      "street",
      "postcode",
      "postal code",
      "zip",
      "zipcode",
      "zip code",
      "strasse",
    ],
  ],
  "identity or payment": [
    ...[
      "birthday",
      "birth",
      "birthdate",
      "dob",
      "ssn",
      "social security",
      "passport",
      "national id",
      "tax id",
    ],
    ...[
      "iban",
      "card number",
      "credit card",
      "cardnumber",
      "pan",
      "account number",
      "licence",
      "license plate",
      "driver license",
    ],
    ...["cvv", "cvc", "cc last4", "salary", "nino", "nhs number", "steuer id", "member no", "geburtsdatum"],
    ...["gender", "religion", "nationality", "medical", "diagnosis"],
  ],
  secret: ["password", "passwd", "secret", "token", "api key", "apikey", "session id", "sessionid"],
};

/** Words behind `device` that make it say something of a kind of device and not of one device. */
const deviceTraits: ReadonlySet<string> = new Set(
  "type model os version brand make manufacturer platform class family name category language locale".split(
    " ",
  ),
);

const kindOfShape: Readonly<Record<PersonalShape, PersonalKind>> = {
  ip: "IP address",
  ips: "IP address",
  endpoint: "IP address",
  email: "e-mail address",
  phone: "phone number",
  mac: "device or advertising id",
  imei: "device or advertising id",
  ssn: "identity or payment",
  card: "identity or payment",
  iban: "identity or payment",
  jwt: "secret",
  coordinates: "precise location",
};

/**
 * What kind of personal value the field holds; undefined where neither its name nor one of its values says so. One value
 * of a personal shape is enough, and one personal field inside of a list or an object.
 */
export function personalKind(field: Pick<Field, keyof FieldLooks | "inner">): PersonalKind | undefined {
  for (const looks of [field, ...field.inner]) {
    const kind = kindOfLooks(looks);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

function kindOfLooks({ path, types, someShapes }: FieldLooks): PersonalKind | undefined {
  if (soleType({ types }) === "boolean") return undefined;
  const words = path.flatMap(wordsOf);
  return byName(words) ?? byShape(someShapes, words);
}

function byName(words: readonly string[]): PersonalKind | undefined {
  // A name all by itself is rather a person's than a thing's.
  if (words.length === 1 && words[0] === "name") return "name";
  for (const [kind, phrases] of Object.entries(names) as [PersonalKind, readonly string[]][]) {
    if (phrases.some((phrase) => hasPhrase(words, phrase.split(" ")))) return kind;
  }
  return undefined;
}

function hasPhrase(words: readonly string[], phrase: readonly string[]): boolean {
  return words.some((_, start) => {
    if (!phrase.every((word, index) => words[start + index] === word)) return false;
    const next = words[start + phrase.length] ?? "";
    return !(phrase.join() === "device" && deviceTraits.has(next));
  });
}

function byShape(shapes: ReadonlySet<Shape>, words: readonly string[]): PersonalKind | undefined {
  // A version of four parts looks like an address.
  const found = personalAmong(shapes).find((shape) => !(shape === "ip" && words.includes("version")));
  return found && kindOfShape[found];
}
