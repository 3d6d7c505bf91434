/** The names that personal fields have, and what each says of the field. */

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
export const names: Readonly<Record<PersonalKind, readonly string[]>> = {
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
    // Numbers without their country are digits as others are, and told by their names alone.
    ...["national number", "subscriber number", "phoneno", "telno", "cellphone", "landline"],
    ...["mobilephone", "mobilenumber", "telephonenumber", "faxnumber", "caller id"],
    ...[
      "rufnummer",
      "telefonnr",
      "mobil",
      "mobilnummer",
      "mobiltelefon",
      "handynummer",
      "handynr",
      "festnetz",
    ],
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
    ...["account holder", "accountholder", "account owner", "kontoinhaber", "konto inhaber", "karteninhaber"],
    ...["customername", "kundenname", "kunden name", "kunde name", "kundin name"],
    ...["debtor name", "creditor name", "payer name", "payee name"],
    // As ISO 20022 shortens them.
    ...["debtor nm", "creditor nm", "dbtr nm", "cdtr nm"],
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
    ...[
      "account no",
      "account nr",
      "account num",
      "accountno",
      "accountnumber",
      "bank account",
      "bankaccount",
    ],
    ...["acct no", "acct nr", "acct num", "acct number", "debtor account", "creditor account"],
    ...["dbtr acct", "cdtr acct", "konto nr", "konto nummer", "kontonr", "kontonummer"],
    ...["card no", "card nr", "card num", "cardno", "cc number", "ccnumber", "creditcard", "kreditkarte"],
    ...["kartennummer", "karten nr", "kreditkartennummer", "cvv2", "cvc2"],
    ...["gender", "religion", "nationality", "medical", "diagnosis"],
  ],
  secret: ["password", "passwd", "secret", "token", "api key", "apikey", "session id", "sessionid"],
};

/** Words that say it at a name's end alone: what is called `card` is a card's number, and what `card type` is, is none. */
export const endings: ReadonlySet<string> = new Set("card acct konto".split(" "));

/** The same for people: a text that is called `user` names one, and a number or a `user id` only stands for one. */
export const people: ReadonlySet<string> = new Set(
  "user users customer customers kunde kundin kunden debtor creditor dbtr cdtr payer payee holder inhaber".split(
    " ",
  ),
);

/** Words behind `device` that make it say something of a kind of device and not of one device. */
export const deviceTraits: ReadonlySet<string> = new Set(
  "type model os version brand make manufacturer platform class family name category language locale".split(
    " ",
  ),
);
