/** Proposes which fields are personal, by their names and by what their values look like; rather once too often. */

import type { Field } from "./fields.ts";
import { personalAmong } from "./shapes.ts";
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
 * The names of personal fields: words that follow each other in the field's name. The whole path of a field counts, so
 * `user.name` is a person's name and `product.name` is not.
 */
const names: readonly (readonly [PersonalKind, readonly string[]])[] = [
  ["IP address", listed("ip, ipv4, ipv6, ipaddr, ipaddress, remote addr, forwarded for, xff")],
  ["e-mail address", listed("email, e mail, mail, emailaddress, correo")],
  [
    "phone number",
    // A number without its country is digits like any other: only its name tells.
    listed(`
      phone, telephone, tel, mobile, msisdn, cell, fax, phonenumber, phoneno, telno, cellphone, landline, mobilephone,
      mobilenumber, telephonenumber, faxnumber, caller id, national number, subscriber number,
      telefon, telefono, telefonnummer, telefonnr, rufnummer, handy, handynummer, handynr, mobil, mobilnummer,
      mobiltelefon, festnetz`),
  ],
  [
    "device or advertising id",
    listed(`
      device id, deviceid, device, udid, android id, androidid, imei, meid, imsi, iccid, idfa, idfv, gaid, aaid, adid,
      ad id, advertising id, advertiser id, mac, fingerprint, serial, cookie, cookie id, push token, user agent,
      useragent, vin`),
  ],
  [
    "name",
    // `nm`, `dbtr` and `cdtr` are the abbreviations of ISO 20022.
    listed(`
      first name, firstname, last name, lastname, surname, full name, fullname, given name, family name, middle name,
      maiden name, nick name, nickname, display name, username, user name, customer name, customername, contact name,
      person name, account name, owner name, holder name, sender name, recipient name, patient name, member name,
      guest name, employee name, author name, login, nick, cardholder, card holder, policy holder, account holder,
      accountholder, account owner, beneficiary, debtor name, creditor name, payer name, payee name,
      debtor nm, creditor nm, dbtr nm, cdtr nm,
      vorname, nachname, nom, prenom, nombre, apellido, kontoinhaber, konto inhaber, karteninhaber, kundenname,
      kunden name, kunde name, kundin name`),
  ],
  [
    "precise location",
    listed(`
      lat, latitude, lng, lon, long, longitude, geo, geohash, gps, coordinates, coords, location, position, address,
      street, postcode, postal code, zip, zipcode, zip code, strasse`),
  ],
  [
    "identity or payment",
    listed(`
      birthday, birth, birthdate, dob, geburtsdatum, gender, religion, nationality, medical, diagnosis, salary,
      ssn, social security, passport, national id, tax id, steuer id, nino, nhs number, member no, licence,
      license plate, driver license,
      iban, account number, account no, account nr, account num, accountno, accountnumber, bank account, bankaccount,
      acct no, acct nr, acct num, acct number, debtor account, creditor account, dbtr acct, cdtr acct,
      konto nr, konto nummer, kontonr, kontonummer,
      card number, card no, card nr, card num, cardno, cardnumber, credit card, creditcard, cc number, ccnumber,
      cc last4, pan, cvv, cvc, cvv2, cvc2, kreditkarte, kreditkartennummer, kartennummer, karten nr`),
  ],
  ["secret", listed("password, passwd, secret, token, api key, apikey, session id, sessionid")],
];

/** Words that tell at a name's end alone: `card` is a card's number, and `card type` is not. */
const endings = listed("card, acct, konto");

/** The same for people: a text called `user` names one; a number or a `user id` only refers to one. */
const people = listed(`
  user, users, customer, customers, kunde, kundin, kunden, debtor, creditor, dbtr, cdtr, payer, payee, holder, inhaber`);

/** Words after `device` that describe a kind of device and not one device. */
const deviceTraits = listed(`
  type, model, os, version, brand, make, manufacturer, platform, class, family, name, category, language, locale`);

function listed(names: string): readonly string[] {
  return names.trim().split(/,\s+/);
}

/**
 * What kind of personal value the field holds; undefined if neither its name nor one of its values tells. One value of a
 * personal shape is enough, and so is one personal field inside a list or an object.
 */
export function personalKind(field: Field): PersonalKind | undefined {
  for (const { path, soleType, types, someShapes } of [field, ...field.inner]) {
    if (soleType === "boolean") continue;
    const words = path.flatMap(wordsOf);
    // A number refers to a row of some other table, and an object has fields of its own.
    const mayBeText = types.has("text") || soleType === "null";
    // A version of four parts looks like an address.
    const shapes = words.includes("version") ? someShapes.difference(new Set(["ip"])) : someShapes;
    const kind = byName(words) ?? byEnding(words, mayBeText) ?? personalAmong(shapes)[0];
    if (kind !== undefined) return kind;
  }
  return undefined;
}

function byName(words: readonly string[]): PersonalKind | undefined {
  // A lone `name` is more likely a person's than a thing's.
  if (words.length === 1 && words[0] === "name") return "name";
  return names.find(([, phrases]) => phrases.some((phrase) => hasPhrase(words, phrase.split(" "))))?.[0];
}

function hasPhrase(words: readonly string[], phrase: readonly string[]): boolean {
  return words.some((_, start) => {
    if (!phrase.every((word, index) => words[start + index] === word)) return false;
    const next = words[start + phrase.length] ?? "";
    return !(phrase.join() === "device" && deviceTraits.includes(next));
  });
}

function byEnding(words: readonly string[], mayBeText: boolean): PersonalKind | undefined {
  const last = words.at(-1) ?? "";
  if (endings.includes(last)) return "identity or payment";
  return people.includes(last) && mayBeText ? "name" : undefined;
}
