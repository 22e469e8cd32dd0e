import { usageKey } from "@swipewire/protocol/crypto/dukpt-tdes";
import { retailMac } from "@swipewire/protocol/crypto/retail-mac";
import { ReaderChallengeFailed, ReaderCommandMac, ReaderCommandMalformed } from "@swipewire/protocol/errors";
import type { Random } from "@swipewire/protocol/random";
import { activateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/activate-authenticated-mode";
import { activationChallengeReply } from "@swipewire/protocol/readers/magtek-commands/activation-challenge-reply";
import { takeMac } from "@swipewire/protocol/readers/magtek-commands/command-mac";
import { deactivateAuthenticatedMode } from "@swipewire/protocol/readers/magtek-commands/deactivate-authenticated-mode";
import { getKsn } from "@swipewire/protocol/readers/magtek-commands/get-ksn";
import { getProperty } from "@swipewire/protocol/readers/magtek-commands/get-property";
import { decodeMessage, encodeRefusal } from "@swipewire/protocol/readers/magtek-commands/message";
import type { Property } from "@swipewire/protocol/readers/magtek-commands/properties";
import { getReaderState } from "@swipewire/protocol/readers/magtek-commands/reader-state";
import { reset } from "@swipewire/protocol/readers/magtek-commands/reset";
import { getSecurityLevel, setSecurityLevel } from "@swipewire/protocol/readers/magtek-commands/security-level";
import { setProperty } from "@swipewire/protocol/readers/magtek-commands/set-property";
import { setSessionId } from "@swipewire/protocol/readers/magtek-commands/set-session-id";
import type { Clock } from "@swipewire/protocol/time";
import type { CommandSide, Heard } from "./command-side.ts";
import { MagtekAuthentication } from "./magtek-authentication.ts";
import { isAllowed, type MagtekInterface, PROPERTY_RULES } from "./magtek-properties.ts";
import type { ReaderKeys } from "./reader-keys.ts";

/** Result codes, D99875475-10 "Commands". */
const RESULT = { failure: 1, badParameter: 2, badData: 3, redundant: 3, delayed: 5, notAllowed: 7 } as const;

const SESSION_ID = 8;
const MAC_LENGTH = 4;
const LEVELS = [3, 4];
/** SureSwipe readers know the first three commands, and nothing of keys. */
const LAST_OF_SURESWIPE = 2;

export type MagtekSecurityLevel = 2 | 3 | 4;

export interface MagtekOptions {
  readonly interfaceType: MagtekInterface;
  readonly keys: ReaderKeys;
  /** 3, encrypting, unless given. */
  readonly securityLevel?: MagtekSecurityLevel;
  /** In place of the initial ones. */
  readonly properties?: Partial<Record<Property, Uint8Array>>;
  readonly clock: Clock;
  readonly random: Random;
}

/** What can be changed, and holds from the next reset on. */
interface Settings {
  readonly level: number;
  readonly interfaceType: MagtekInterface;
  readonly properties: ReadonlyMap<Property, Uint8Array>;
}

class Refused {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}

/** A MagTek reader's side of its commands, D99875475-10: what it is set to, its keys' proofs, authenticated mode. */
export class MagtekCommands implements CommandSide {
  readonly #keys: ReaderKeys;
  readonly #authentication: MagtekAuthentication;
  #stored: Settings;
  #inForce: Settings;
  #sessionId: Uint8Array = new Uint8Array(SESSION_ID);
  #resets = false;

  constructor({ interfaceType, keys, securityLevel = 3, properties = {}, clock, random }: MagtekOptions) {
    this.#keys = keys;
    this.#authentication = new MagtekAuthentication({ keys, pinKey: () => this.#keyFor("pin"), clock, random });
    const given = Object.entries(properties) as [Property, Uint8Array][];
    this.#stored = {
      level: interfaceType === "sureswipe" ? 2 : securityLevel,
      interfaceType,
      properties: new Map(given),
    };
    this.#inForce = this.#stored;
  }

  get level(): number {
    return this.#inForce.level;
  }

  get interfaceType(): MagtekInterface {
    return this.#inForce.interfaceType;
  }

  /** 8 bytes; they go with the next swipe, encrypted. */
  get sessionId(): Uint8Array {
    return this.#sessionId;
  }

  /** As it is since the last reset. */
  property(name: Property): Uint8Array {
    return valueIn(this.#inForce, name);
  }

  /** Does it read a card? At level 4 only once it knows its host. */
  get takesCards(): boolean {
    return this.level < 4 || this.#authentication.phase === "authenticated";
  }

  /** A card was drawn. */
  swiped(good: boolean): void {
    this.#authentication.swiped(good);
  }

  hear(bytes: Uint8Array): Heard {
    try {
      const reply = this.#answer(bytes, decodeMessage(bytes));
      return { reply, ...(this.#resets && { resets: true }) };
    } catch (failure) {
      return { reply: encodeRefusal(refusalOf(failure)) };
    } finally {
      this.#resets = false;
    }
  }

  #answer(bytes: Uint8Array, { first, data }: ReturnType<typeof decodeMessage>): Uint8Array {
    if (this.interfaceType === "sureswipe" && first > LAST_OF_SURESWIPE) throw new Refused(RESULT.failure);
    switch (first) {
      case 0x00: {
        const { property } = getProperty.decodeRequest(bytes);
        if (!this.#has(property)) throw new Refused(RESULT.badParameter);
        return getProperty.encodeResponse({ value: valueIn(this.#stored, property) });
      }
      case 0x01:
        return this.#proven(this.level > 2, bytes, (request) => this.#set(setProperty.decodeRequest(request)));
      case 0x02:
        return this.#proven(this.#authentication.guardsReset, bytes, (request) => {
          reset.decodeRequest(request);
          this.#reset();
          return reset.encodeResponse();
        });
      case 0x09:
        getKsn.decodeRequest(bytes);
        return getKsn.encodeResponse({ ksn: this.#keys.current.ksn });
      case 0x0a:
        this.#sessionId = setSessionId.decodeRequest(bytes).sessionId.slice();
        return setSessionId.encodeResponse();
      case 0x10:
        return this.#challenge(activateAuthenticatedMode.decodeRequest(bytes).replyWithin);
      case 0x11: {
        const reply = activationChallengeReply.decodeRequest(bytes);
        this.#expect("challenged");
        this.#sessionId = this.#authentication.activate(reply) ?? this.#sessionId;
        return activationChallengeReply.encodeResponse();
      }
      case 0x12: {
        const { reply } = deactivateAuthenticatedMode.decodeRequest(bytes);
        this.#expect("authenticated");
        this.#authentication.deactivate(reply);
        return deactivateAuthenticatedMode.encodeResponse();
      }
      case 0x14:
        getReaderState.decodeRequest(bytes);
        return getReaderState.encodeResponse(this.#authentication.stateAt(this.level));
      case 0x15:
        if (data.length === 0) return getSecurityLevel.encodeResponse({ level: this.level });
        return this.#proven(true, bytes, (request) => this.#raise(setSecurityLevel.decodeRequest(request).level));
      default:
        throw new Refused(RESULT.failure);
    }
  }

  #has(property: Property): boolean {
    return PROPERTY_RULES[property].interfaces.includes(this.interfaceType);
  }

  #keyFor(usage: "pin" | "mac-request"): Uint8Array {
    return this.#keys.current.key.use((key) => usageKey(key, usage));
  }

  /** Does what is asked, where its MAC is right or none is needed. Each proof uses up a key. */
  #proven(needed: boolean, bytes: Uint8Array, act: (request: Uint8Array) => Uint8Array): Uint8Array {
    if (!needed) return act(bytes);
    if (decodeMessage(bytes).data.length < MAC_LENGTH) throw new Refused(RESULT.notAllowed);
    const key = this.#keyFor("mac-request");
    try {
      const response = act(takeMac(bytes, (message) => retailMac(key, message)));
      this.#keys.advance();
      return response;
    } finally {
      key.fill(0);
    }
  }

  #set({ property, value }: ReturnType<typeof setProperty.decodeRequest>): Uint8Array {
    if (!this.#has(property) || !isAllowed(PROPERTY_RULES[property], value)) throw new Refused(RESULT.badParameter);
    const { properties, interfaceType } = this.#stored;
    this.#stored = {
      ...this.#stored,
      interfaceType: property === "interface type" ? (value[0] === 1 ? "keyboard" : "hid") : interfaceType,
      properties: new Map(properties).set(property, value.slice()),
    };
    return setProperty.encodeResponse();
  }

  #raise(level: number): Uint8Array {
    if (!LEVELS.includes(level) || level <= this.#stored.level) throw new Refused(RESULT.badParameter);
    this.#stored = { ...this.#stored, level };
    return setSecurityLevel.encodeResponse();
  }

  #challenge(replyWithin: number): Uint8Array {
    if (this.level < 3) throw new Refused(RESULT.notAllowed);
    if (this.#authentication.isDelayed) throw new Refused(RESULT.delayed);
    if (this.#authentication.phase === "authenticated") throw new Refused(RESULT.redundant);
    return activateAuthenticatedMode.encodeResponse(this.#authentication.challenge(replyWithin));
  }

  #expect(phase: "challenged" | "authenticated"): void {
    if (this.#authentication.phase !== phase) throw new Refused(RESULT.notAllowed);
  }

  #reset(): void {
    this.#inForce = this.#stored;
    this.#authentication.reset();
    this.#sessionId = new Uint8Array(SESSION_ID);
    this.#resets = true;
  }
}

function valueIn({ properties, interfaceType }: Settings, name: Property): Uint8Array {
  if (name === "interface type") return Uint8Array.of(interfaceType === "keyboard" ? 1 : 0);
  return properties.get(name) ?? PROPERTY_RULES[name].initial;
}

function refusalOf(failure: unknown): number {
  if (failure instanceof Refused) return failure.code;
  if (failure instanceof ReaderCommandMalformed) return RESULT.badParameter;
  if (failure instanceof ReaderCommandMac) return RESULT.notAllowed;
  if (failure instanceof ReaderChallengeFailed) return RESULT.badData;
  throw failure;
}
