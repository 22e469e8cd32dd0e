import type { SensitiveBytes } from "@swipewire/protocol/sensitive-bytes";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { GatewayConfig } from "../config/config-schema.ts";
import { EnvelopeKeyInUse, KeyCheckValueWrong, KeyEntryAborted } from "../errors.ts";
import { checkValueOf } from "./check-value.ts";
import { CustodianInput, type CustodianStreams } from "./custodian-input.ts";
import { KeyComponents } from "./key-components.ts";
import type { BlockProtection, KeyCustody } from "./key-custody.ts";
import { type KeyPurpose, type KeyRecord, keyPurposes, type SymmetricAlgorithm } from "./key-record.ts";
import { initKeys, type KeyServices, openKeys } from "./open-keys.ts";
import { PassphraseChange } from "./passphrase-change.ts";

export interface KeyCommandOptions extends KeyServices, CustodianStreams {
  /** A command that takes `--config`. */
  readonly command: (parent: Command, name: string, description: string) => Command;
  readonly configOf: (flags: { readonly config: string }) => GatewayConfig;
  readonly say: (line: string) => void;
  /** The terminals that may still seal to another envelope key than this one, by its `kid`. */
  readonly terminalsNotSealingTo: (
    config: GatewayConfig,
    kid: string,
  ) => Promise<readonly { readonly terminal: string; readonly name: string }[]>;
}

interface Flags {
  readonly config: string;
}

interface NameFlags extends Flags {
  readonly name: string;
}

interface PurposeFlags extends NameFlags {
  readonly use: KeyPurpose["use"];
  readonly ksnPrefix?: string;
  readonly allowWeak?: boolean;
}

interface KeySize {
  readonly algorithm: SymmetricAlgorithm;
  readonly bits: 128 | 192 | 256;
}

const SIZES: Readonly<Record<string, KeySize>> = {
  tdes: { algorithm: "TDES", bits: 128 },
  "tdes-3": { algorithm: "TDES", bits: 192 },
  "aes-128": { algorithm: "AES", bits: 128 },
  "aes-192": { algorithm: "AES", bits: 192 },
  "aes-256": { algorithm: "AES", bits: 256 },
};
const sizeNames = Object.keys(SIZES);

const LISTED = "its name, as `keys list` shows it";

/** `keys`: what custodians do. No key and no component is an argument, and none is shown. */
export function addKeyCommands(program: Command, options: KeyCommandOptions): void {
  const { command, say } = options;
  const keys = program.command("keys").description("the keys: make, enter, list, carry, rotate, remove");

  const opened = async <T>(flags: Flags, work: (custody: KeyCustody, ask: CustodianInput) => Promise<T> | T) => {
    const { custody, close } = await openKeys(options.configOf(flags).keys, options);
    const ask = new CustodianInput(options);
    try {
      return await work(custody, ask);
    } finally {
      ask.close();
      close();
    }
  };
  // An option and no argument: a thumbprint may begin with a dash.
  const named = (name: string, description: string, what: string) =>
    command(keys, name, description).requiredOption("--name <name>", what, checkName);
  const forPurpose = (name: string, description: string) =>
    named(name, description, "what to call it: letters, digits, - and _")
      .addOption(new Option("--use <use>", "what it is for").choices(keyPurposes).makeOptionMandatory())
      .option("--ksn-prefix <hex>", "of a base derivation key: the first hex digits of its readers' KSNs");
  const sized = (parent: Command) =>
    parent.addOption(new Option("--type <type>", "algorithm and length").choices(sizeNames).makeOptionMandatory());

  command(keys, "init", "make the key store that the config names, with its first envelope key").action(
    async (flags: Flags) => {
      const { madeSecret } = await initKeys(options.configOf(flags).keys, options);
      if (madeSecret !== undefined)
        say(`${madeSecret}: a random passphrase. Without it the keys are lost: keep a copy.`);
      say("The key store is made.");
    },
  );

  command(keys, "passphrase", "give the key file another passphrase: typed twice, or piped as two lines")
    .option("--random", "or made of 256 random bits")
    .option("--to <file>", "the new file to put it into, in place of keys.secretFile")
    .action(async (flags: Flags & { random?: true; to?: string }) => {
      const { to, random } = flags;
      const change = new PassphraseChange({
        keys: options.configOf(flags).keys,
        ...(to !== undefined && { to }),
        random: options.random,
      });
      if (await change.finish()) {
        say("A change that was cut off is finished; nothing else was changed.");
        return;
      }
      const ask = new CustodianInput(options);
      const typed = random ? undefined : await newPassphrase(ask).finally(() => ask.close());
      try {
        say(
          `${await change.run(typed)}: the passphrase from now on. Backups of the key file still open with the old one.`,
        );
      } finally {
        typed?.fill(0);
      }
      if (to !== undefined) say("Have the config name it, or the credential hold it: what it names now opens nothing.");
    });

  command(keys, "list", "show all keys with their check values").action((flags: Flags) =>
    opened(flags, (custody) => {
      for (const line of table(custody.list())) say(line);
    }),
  );

  sized(forPurpose("generate", "make a random key")).action((flags: PurposeFlags & { type: string }) =>
    opened(flags, async (custody) => {
      const { algorithm, bits } = sizeOf(flags.type);
      told(await custody.generate({ ...purposeOf(flags), algorithm }, bits), say);
    }),
  );

  const components = (parent: Command) =>
    parent
      .addOption(new Option("--components <count>", "how many").choices(["2", "3"]).default("2"))
      .option("--allow-weak", "take published test keys, which are no random ones; for tests only")
      .option("--any-parity", "take TDES components without odd parity");
  components(sized(forPurpose("enter", "enter a key from components, each typed by its custodian or piped as lines")))
    .option("--check-value <hex>", "of the whole key, six digits, as its owner gave it", checkCheckValue)
    .action((flags: PurposeFlags & ComponentFlags & { type: string; checkValue?: string }) =>
      opened(flags, async (custody, ask) => {
        const size = sizeOf(flags.type);
        const purpose = { ...purposeOf(flags), algorithm: size.algorithm };
        custody.checkPlace(purpose);
        using key = await enterKey(ask, size, flags, flags.checkValue, say);
        told(await key.use((bytes) => custody.add(purpose, bytes, flags)), say);
      }),
    );

  const withProtection = (parent: Command) =>
    components(
      parent
        .option("--kbpk <name>", "the key block protection key: one of this store")
        .addOption(
          new Option("--kbpk-type <type>", "the key block protection key is entered from components")
            .choices(sizeNames)
            .conflicts("kbpk"),
        ),
    );
  const protectionOf = async (flags: ProtectionFlags, ask: CustodianInput): Promise<BlockProtection> => {
    if (flags.kbpk !== undefined) return flags.kbpk;
    if (flags.kbpkType === undefined) throw new KeyEntryAborted({ detail: "neither --kbpk nor --kbpk-type" });
    const size = sizeOf(flags.kbpkType);
    return { algorithm: size.algorithm, key: await enterKey(ask, size, flags, undefined, say) };
  };
  withProtection(
    forPurpose("import", "take a key from a key block (X9.143, TR-31), the first line of the input"),
  ).action((flags: PurposeFlags & ProtectionFlags) =>
    opened(flags, async (custody, ask) => {
      const block = await ask.text("Key block: ");
      const protection = await protectionOf(flags, ask);
      try {
        told(await custody.importKeyBlock(block, protection, purposeOf(flags), flags), say);
      } finally {
        if (typeof protection !== "string") protection.key.wipe();
      }
    }),
  );
  withProtection(named("export", "print a key as a key block (X9.143, TR-31)", LISTED)).action(
    (flags: NameFlags & ProtectionFlags) =>
      opened(flags, async (custody, ask) => {
        const protection = await protectionOf(flags, ask);
        try {
          say(custody.exportKeyBlock(flags.name, protection));
        } finally {
          if (typeof protection !== "string") protection.key.wipe();
        }
      }),
  );

  const remove = async (custody: KeyCustody, ask: CustodianInput, key: KeyRecord, flags: RemovalFlags) => {
    const [newest] = custody.list().filter(({ use, name }) => use === "envelope" && name !== key.name);
    if (key.use === "envelope" && newest && flags.force !== true) {
      const still = await options.terminalsNotSealingTo(options.configOf(flags), newest.name);
      for (const { terminal, name } of still) say(`${terminal}  ${name}`);
      if (still.length > 0) throw new EnvelopeKeyInUse({ detail: `${still.length} terminals` });
    }
    await confirmed(ask, key, flags.yes);
    await custody.remove(key.name);
    say(`${key.use} ${key.name}, check value ${key.checkValue}, is gone.`);
  };
  const removal = (parent: Command) =>
    parent.option("--yes", "do not ask").option("--force", "also an envelope key that terminals still seal to");
  removal(named("remove", "remove a key, for good", LISTED)).action((flags: NameFlags & RemovalFlags) =>
    opened(flags, (custody, ask) => remove(custody, ask, custody.find(flags.name), flags)),
  );

  command(keys, "rotate", "make a new envelope key; the one before it goes on opening until it is retired").action(
    (flags: Flags) =>
      opened(flags, async (custody) => {
        told(await custody.rotateEnvelopeKey(), say);
        say("A running gateway has it within seconds, and terminals that are on seal to it within half an hour.");
        say("`terminal list` shows the check value of the key that each seals to; then: keys retire.");
      }),
  );
  removal(
    command(keys, "retire", "remove the older of two envelope keys: what was sealed to it can't be opened any more"),
  ).action((flags: RemovalFlags) =>
    opened(flags, (custody, ask) => remove(custody, ask, custody.retirableEnvelopeKey(), flags)),
  );
}

interface RemovalFlags extends Flags {
  readonly yes?: true;
  readonly force?: true;
}

interface ComponentFlags {
  readonly components: string;
  readonly allowWeak?: boolean;
  readonly anyParity?: boolean;
}

interface ProtectionFlags extends ComponentFlags {
  readonly kbpk?: string;
  readonly kbpkType?: string;
}

function checkName(name: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(name)) return name;
  throw new InvalidArgumentError("1 to 64 letters, digits, - or _");
}

function checkCheckValue(text: string): string {
  if (/^[0-9A-Fa-f]{6}$/.test(text)) return text;
  throw new InvalidArgumentError("six hex digits");
}

function sizeOf(type: string): KeySize {
  const size = SIZES[type];
  if (!size) throw new TypeError("a type that passed its choices and is not there");
  return size;
}

const purposeOf = ({ name, use, ksnPrefix }: PurposeFlags) => ({
  name,
  use,
  ...(ksnPrefix !== undefined && { ksnPrefix }),
});

/**
 * For each component: its digits, its check value shown, and the one on the custodian's form typed, which must be the same.
 * @throws KeyCheckValueWrong | what `KeyComponents` throws
 */
async function enterKey(
  ask: CustodianInput,
  { algorithm, bits }: KeySize,
  { components: count, allowWeak = false, anyParity = false }: ComponentFlags,
  expected: string | undefined,
  say: (line: string) => void,
): Promise<SensitiveBytes> {
  using components = new KeyComponents({ algorithm, bits, allowWeak, anyParity });
  for (let n = 1; n <= Number(count); n++) {
    const digits = await ask.secret(`Component ${n} of ${count}, ${bits / 4} hex digits, not shown: `);
    let checkValue: string;
    try {
      checkValue = components.add(digits);
    } finally {
      digits.fill(0);
    }
    say(`Component ${n}: check value ${checkValue}`);
    same(await ask.text("The check value on the form: "), checkValue, `component ${n}`);
  }
  const key = components.combine();
  const checkValue = key.use((bytes) => checkValueOf(algorithm, bytes));
  say(`Combined: check value ${checkValue}`);
  try {
    if (expected !== undefined) same(expected, checkValue, "the combined key");
    return key;
  } catch (failure) {
    key.wipe();
    throw failure;
  }
}

/** The caller's to wipe. @throws KeyEntryAborted */
async function newPassphrase(ask: CustodianInput): Promise<Uint8Array> {
  const typed = await ask.secret("New passphrase, not shown: ");
  const again = await ask.secret("Once more: ");
  const alike = Buffer.compare(typed, again) === 0;
  again.fill(0);
  if (alike) return typed;
  typed.fill(0);
  throw new KeyEntryAborted({ detail: "not the same twice" });
}

/** As many digits as there are on the form, four at least: some print four, some six. */
function same(given: string, computed: string, of: string): void {
  const digits = given.toUpperCase();
  if (digits.length < 4 || !computed.startsWith(digits)) throw new KeyCheckValueWrong({ detail: of });
}

async function confirmed(ask: CustodianInput, { name, use, checkValue }: KeyRecord, yes = false): Promise<void> {
  if (yes) return;
  const answer = await ask.text(`Type ${name} to remove ${use} with check value ${checkValue} for good: `);
  if (answer !== name) throw new KeyEntryAborted({ detail: "not confirmed" });
}

function told({ name, use, checkValue }: KeyRecord, say: (line: string) => void): void {
  say(`${use} ${name} is kept, check value ${checkValue}.`);
}

function table(records: readonly KeyRecord[]): string[] {
  const rows = records.map(({ name, use, algorithm, bits, checkValue, ksnPrefix, created }) => [
    name,
    use,
    algorithm === "X25519" || algorithm === "Ed25519" ? algorithm : `${algorithm}-${bits}`,
    checkValue,
    ksnPrefix ?? "-",
    created,
  ]);
  const all = [["name", "use", "type", "check value", "KSN prefix", "created"], ...rows];
  const widths = all[0]?.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0))) ?? [];
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
