/** Every form in which a secret of the tests could show where it must not. */
export function formsOf(secret: string): { readonly form: string; readonly bytes: Buffer }[] {
  const raw = Buffer.from(secret, "latin1");
  const digits = /^\d+$/.test(secret);
  // Base64 of a longer text that holds the secret, at each of the three alignments, cut to what is sure to appear.
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), raw])
      .toString("base64")
      .replace(/=+$/, "");
    return text.slice(shift === 0 ? 0 : shift + 1, -2);
  });
  return [
    { form: "raw", bytes: raw },
    { form: "UTF-16", bytes: Buffer.from(secret, "utf16le") },
    { form: "hex", bytes: Buffer.from(raw.toString("hex")) },
    { form: "HEX", bytes: Buffer.from(raw.toString("hex").toUpperCase()) },
    ...base64.flatMap((text) => [
      { form: "base64", bytes: Buffer.from(text) },
      { form: "base64url", bytes: Buffer.from(text.replaceAll("+", "-").replaceAll("/", "_")) },
    ]),
    ...(digits
      ? [
          {
            form: "BCD",
            bytes: Buffer.from(secret.length % 2 ? `${secret}0` : secret, "hex").subarray(0, secret.length >> 1),
          },
          {
            form: "BCD, one nibble on",
            bytes: Buffer.from(`${secret.slice(1)}${secret.length % 2 ? "" : "0"}`, "hex").subarray(
              0,
              (secret.length - 1) >> 1,
            ),
          },
        ]
      : []),
  ];
}

/** The forms of `secret` that `haystack` holds. */
export function findSecret(haystack: Buffer, secret: string): string[] {
  return formsOf(secret)
    .filter(({ bytes }) => haystack.includes(bytes))
    .map(({ form }) => form);
}
