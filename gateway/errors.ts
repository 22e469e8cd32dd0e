import { type FailureOptions, failure } from "@swipewire/protocol/failure";
import type { ReversalReason } from "./acquirer/acquirer.ts";

// Store.

export class StoreNotOpened extends failure("store_not_opened", {
  what: "The gateway's database could not be opened.",
  means: "The gateway did not start.",
  todo: "Check that the path is right and writable, and that no older release is started on a newer database.",
}) {}

// Orders.

export class OrderUnknown extends failure("order_unknown", {
  what: "There is no such order.",
  means: "Nothing was changed.",
  todo: "Check the order's id or link.",
}) {}

export class OrderNumberTaken extends failure("order_number_taken", {
  what: "This merchant already has an order with this order number.",
  means: "No second order was made.",
  todo: "Look the order up by its number, or use a new number.",
}) {}

export class OrderCurrencyUnsupported extends failure("order_currency_unsupported", {
  what: "The bank behind this gateway does not charge in this currency.",
  means: "No order was made.",
  todo: "Place the order in a currency that the bank takes.",
}) {}

export class OrderBeingPaid extends failure("order_being_paid", {
  what: "A payment of this order is under way.",
  means: "Nothing was changed; the payment goes on.",
  todo: "Wait for its result, which takes two minutes at most, and look again.",
}) {}

export class OrderPaid extends failure("order_paid", {
  what: "This order is paid.",
  means: "It can't be paid again or cancelled.",
  todo: "Nothing more is to be done.",
}) {}

export class OrderExpired extends failure("order_expired", {
  what: "The time to pay this order is over.",
  means: "It can no longer be paid. Nothing was charged.",
  todo: "Place a new order.",
}) {}

export class OrderCancelled extends failure("order_cancelled", {
  what: "The merchant cancelled this order.",
  means: "It can no longer be paid. Nothing was charged.",
  todo: "Ask the merchant, or place a new order.",
}) {}

export class OrderNotPaid extends failure("order_not_paid", {
  what: "This order is not paid.",
  means: "There is nothing to give back.",
  todo: "Look at the order's status; one that is being paid has a result within minutes.",
}) {}

export class OrderNotBeingPaid extends failure("order_not_being_paid", {
  what: "A payment ended of an order that was not being paid.",
  means: "This is a fault in the program; nothing was changed.",
  todo: "Report it with the log around it.",
}) {}

export class OrderCodeUnknown extends failure("order_code_unknown", {
  what: "No order can be paid under this transaction code.",
  means: "The code is mistyped, expired or used. Nothing was charged.",
  todo: "Check the code, or ask for it again where the order was placed.",
}) {}

export class OrderCodeLocked extends failure("order_code_locked", {
  what: "Too many wrong transaction codes were entered on this terminal.",
  means: "It takes no codes for a quarter of an hour.",
  todo: "Wait, or use another terminal.",
}) {}

export class OrderCodesExhausted extends failure("order_codes_exhausted", {
  what: "No free transaction code was found.",
  means: "Almost all codes of this length are in use.",
  todo: "Give transaction codes more digits.",
}) {}

export class IdempotencyKeyMissing extends failure("idempotency_key_missing", {
  what: "The request has no usable Idempotency-Key header.",
  means: "No order was made.",
  todo: "Send a header of 1 to 255 visible ASCII characters, a new one for each order.",
}) {}

export class IdempotencyKeyReused extends failure("idempotency_key_reused", {
  what: "This Idempotency-Key was used before with another request.",
  means: "No order was made.",
  todo: "Use a new key for each order, and the same key only to repeat the same request.",
}) {}

// Ledger.

export class LedgerUnbalanced extends failure("ledger_unbalanced", {
  what: "The entries of the ledger do not sum to zero.",
  means: "Money was booked on one side only; no balance can be trusted until it is found.",
  todo: "Stop the gateway, keep the database, and report it.",
}) {}

// Notifications.

export class WebhookRefused extends failure("webhook_refused", {
  what: "The merchant's server did not answer a webhook with a 2xx status.",
  means: "The event is sent again later.",
  todo: "Look into the merchant's server; redirects are not followed.",
}) {}

export class WebhookTimedOut extends failure("webhook_timed_out", {
  what: "The merchant's server did not answer a webhook in time.",
  means: "The event is sent again later.",
  todo: "Answer a webhook first and act on it after.",
}) {}

export class WebhookUnreachable extends failure("webhook_unreachable", {
  what: "The merchant's server could not be reached for a webhook.",
  means: "The event is sent again later.",
  todo: "Check the webhook URL and that its server is up.",
}) {}

// Broker, terminals and their link.

export class BrokerPacketTooLarge extends failure("broker_packet_too_large", {
  what: "An MQTT client sent a packet larger than the broker takes.",
  means: "It was dropped unread and that client was disconnected; everyone else goes on.",
  todo: "Find out who sent it; no Swipewire program sends packets of that size.",
}) {}

export class BrokerAccessDenied extends failure("broker_access_denied", {
  what: "An MQTT client tried to use a topic that is not its own, or used its own in a way that is not allowed.",
  means: "Nothing was delivered.",
  todo: "Check which program uses that terminal's credentials; if it is not Swipewire's daemon, revoke the terminal.",
}) {}

export class BrokerLoginRefused extends failure("broker_login_refused", {
  what: "An MQTT client logged in with credentials or a client id that are not an enrolled terminal's.",
  means: "It was not let in.",
  todo: "If it is your terminal, it may have been revoked: enrol it anew.",
}) {}

export class BrokerCertificateRefused extends failure("broker_certificate_refused", {
  what: "A client showed the broker no certificate that it takes.",
  means: "It was not let in. The cause says why: none shown, expired, revoked, or another authority's.",
  todo: "If it is your terminal, run `swipewire-daemon doctor` on it.",
}) {}

export class BrokerNotStarted extends failure("broker_not_started", {
  what: "The broker can't listen on its address.",
  means: "No terminal can connect.",
  todo: "Free the address, or configure another one.",
}) {}

export class TerminalUnknown extends failure("terminal_unknown", {
  what: "There is no terminal of this id.",
  means: "Nothing was done; a message from it was dropped.",
  todo: "Look the id up with `swipewire-gateway terminal list`, or enrol the terminal.",
}) {}

export class TerminalRevoked extends failure("terminal_revoked", {
  what: "This terminal was revoked.",
  means: "Its messages are dropped and its swipes are not charged.",
  todo: "Enrol it anew if it is trusted again.",
}) {}

export class EnrolmentTokenInvalid extends failure("enrolment_token_invalid", {
  what: "The enrolment token is unknown, used or expired.",
  means: "The terminal was not enrolled.",
  todo: "Have the gateway's operator make a new token; each is good for one terminal.",
}) {}

export class EnrolmentKeyUnsuitable extends failure("enrolment_key_unsuitable", {
  what: "A terminal can't be enrolled with this kind of key.",
  means: "The terminal was not enrolled; its token is still good.",
  todo: "Enrol with an Ed25519 signing key.",
}) {}

export class EnrolmentWithoutRequest extends failure("enrolment_without_request", {
  what: "This gateway's terminals need a certificate, and none was asked for.",
  means: "The terminal was not enrolled; its token is still good.",
  todo: "Enrol with a daemon of this release.",
}) {}

export class CertificateRequestInvalid extends failure("certificate_request_invalid", {
  what: "A certification request (PKCS #10) can't be read, is not signed by its own key, or is for an unsuitable key.",
  means: "No certificate was made.",
  todo: "Make one for a P-256 or Ed25519 key, and send it whole.",
}) {}

export class CertificatesTooMany extends failure("certificates_too_many", {
  what: "This terminal has asked for too many certificates today.",
  means: "It was given none; those that it has stay good.",
  todo: "Look at its log: it asks for one in eight months. Revoke it if it is not yours any more.",
}) {}

export class CertificatesNotSigned extends failure("certificates_not_signed", {
  what: "This gateway signs no certificates.",
  means: "Terminals log in to its broker with their passwords.",
  todo: "Nothing; where certificates are wanted, gateway/certificates/README.md says how.",
}) {}

export class LinkTopicUnknown extends failure("link_topic_unknown", {
  what: "A message came on a topic that is not a terminal's.",
  means: "It was dropped.",
  todo: "Check what else is connected to the broker.",
}) {}

export class LinkMessageExpired extends failure("link_message_expired", {
  what: "A message came after the time until which it was good.",
  means: "It was not acted on.",
  todo: "Try again. If it repeats, check the clocks of terminal and gateway.",
}) {}

export class LinkFault extends failure("link_fault", {
  what: "The gateway could not act on a message because of a fault of its own.",
  means: "The terminal repeats the message until it is acted on or out of date.",
  todo: "Look at the cause in the log; report it if it is not the machine's.",
}) {}

// Payments.

export class PaymentUnknown extends failure("payment_unknown", {
  what: "The gateway never heard of this payment.",
  means: "Nothing was charged, and nothing will be under this id.",
  todo: "Swipe again.",
}) {}

export class PaymentForeign extends failure("payment_foreign", {
  what: "The payment belongs to another terminal.",
  means: "Nothing was done.",
  todo: "If it repeats, revoke the terminal that asks.",
}) {}

export class PaymentPhoneMissing extends failure("payment_phone_missing", {
  what: "A PIN is to be asked for, but there is no phone number to ask it on.",
  means: "Nothing was charged.",
  todo: "Swipe again and enter a phone number.",
}) {}

export class PaymentNotCancellable extends failure("payment_not_cancellable", {
  what: "The payment is already at the bank.",
  means: "It can't be cancelled any more; its result follows.",
  todo: "Wait for the result.",
}) {}

export class PaymentCancelled extends failure("payment_cancelled", {
  what: "The payer cancelled the payment.",
  means: "Nothing was charged.",
  todo: "Swipe again to pay after all.",
}) {}

export class PaymentWithdrawn extends failure("payment_withdrawn", {
  what: "The merchant cancelled the order while it was being paid.",
  means: "Nothing was charged.",
  todo: "Ask the merchant.",
}) {}

export class PaymentReversalOverdue extends failure("payment_reversal_overdue", {
  what: "The bank has not acknowledged a reversal for an hour.",
  means: "Whether the charge stands is not known. Its order can't be paid again; the reversal is repeated.",
  todo: "Ask the acquirer what became of it, then tell the gateway with `swipewire-gateway payment settle`.",
}) {}

export class PaymentNotSettleable extends failure("payment_not_settleable", {
  what: "Only a payment that is being reversed can be settled by hand.",
  means: "Nothing was changed.",
  todo: "Look at the payment with `swipewire-gateway payment show`.",
}) {}

export class PaymentTimedOut extends failure("payment_timed_out", {
  what: "A step of the payment took longer than it may.",
  means: "Before the charge was sent nothing was charged; after it, the charge is undone.",
  todo: "Swipe again.",
}) {}

export class PaymentInterrupted extends failure("payment_interrupted", {
  what: "The gateway stopped while the payment was under way.",
  means: "Nothing was charged, or the charge is undone; track and PIN are gone.",
  todo: "Swipe again.",
}) {}

export class PaymentFault extends failure("payment_fault", {
  what: "The payment could not go on because of a fault in the gateway.",
  means: "Nothing was charged, or the charge is undone.",
  todo: "Look at the cause in the gateway's log, then swipe again.",
}) {}

export class PaymentTransitionRefused extends failure("payment_transition_refused", {
  what: "A payment was to go from one state to another that may not follow it.",
  means: "It stays as it is; this is a fault in the program.",
  todo: "Report it with the log around it.",
}) {}

// Refunds.

export class RefundExceedsPaid extends failure("refund_exceeds_paid", {
  what: "More would be given back than was paid.",
  means: "Nothing is given back. Refunds that are still under way count as given back until they fail.",
  todo: "Look at the order's refunds, and ask for what is left at most.",
}) {}

export class RefundUnknown extends failure("refund_unknown", {
  what: "The gateway never heard of this refund.",
  means: "Nothing was given back under this id.",
  todo: "Look it up in the list of all refunds: swipewire-gateway refund list --all.",
}) {}

export class RefundOriginalUnknown extends failure("refund_original_unknown", {
  what: "The gateway does not know by what the bank calls this charge.",
  means: "It can't be given back by this way: an operator or an older release said that it is paid.",
  todo: "Give the money back through the acquirer's own office.",
}) {}

export class RefundExpired extends failure("refund_expired", {
  what: "The bank could not be reached for a day.",
  means: "Nothing was sent and nothing was given back.",
  todo: "Ask for the refund again.",
}) {}

export class RefundOverdue extends failure("refund_overdue", {
  what: "The bank has not answered a refund, a void or its reversal in the time that it may take.",
  means:
    "Whether it was given back is not known. It is repeated under the same numbers, which the bank carries out once.",
  todo: "Check the line to the acquirer, and ask it about the batch and trace that `swipewire-gateway reconcile` shows.",
}) {}

export class RefundInterrupted extends failure("refund_interrupted", {
  what: "The gateway stopped while the refund was under way.",
  means: "It goes on when the gateway starts again.",
  todo: "Nothing is to be done.",
}) {}

export class RefundTransitionRefused extends failure("refund_transition_refused", {
  what: "A refund was to take a step that its state does not allow.",
  means: "Nothing was changed; another process may have taken the step.",
  todo: "Report it with the log around it, if it repeats.",
}) {}

export class RefundFault extends failure("refund_fault", {
  what: "The gateway could not carry a refund on.",
  means: "It is tried again from the state on disk.",
  todo: "Look at the gateway's log; check that its disk is not full.",
}) {}

// Settlement.

export class SettlementWaiting extends failure("settlement_waiting", {
  what: "The outcome of transactions in a batch is not known yet.",
  means: "The batch is closed, and settled when it is known, or after an hour without them.",
  todo: "Wait. `swipewire-gateway reconcile` names them.",
}) {}

export class SettlementOverdue extends failure("settlement_overdue", {
  what: "A batch that was closed two hours ago is not settled.",
  means: "The bank may not pay out what is in it. The settlement is repeated.",
  todo: "Look at `swipewire-gateway settlement list`, which names what holds it up; check the line to the acquirer.",
}) {}

export class SettlementDifferent extends failure("settlement_different", {
  what: "The bank's totals of a batch are not the gateway's.",
  means:
    "Every slip was uploaded, so that the acquirer can find the difference. Nothing was booked or charged by that.",
  todo: "Compare `swipewire-gateway settlement show` with the acquirer's statement.",
}) {}

export class SettlementUnknown extends failure("settlement_unknown", {
  what: "No batch of this number was closed.",
  means: "There is nothing to show.",
  todo: "Look at `swipewire-gateway settlement list`, which shows those that were.",
}) {}

export class SettlementInterrupted extends failure("settlement_interrupted", {
  what: "The gateway stopped while a batch was being settled.",
  means: "It goes on when the gateway starts again.",
  todo: "Nothing is to be done.",
}) {}

export class SettlementFault extends failure("settlement_fault", {
  what: "The gateway could not carry a settlement on.",
  means: "It is tried again from the state on disk.",
  todo: "Look at the gateway's log; check that its disk is not full.",
}) {}

export class SwipeForeign extends failure("swipe_foreign", {
  what: "A sealed swipe is bound to another terminal or another payment than the one it came with.",
  means: "Nothing was charged.",
  todo: "Swipe again. If it repeats, revoke the terminal and look into it.",
}) {}

export class SwipeTooOld extends failure("swipe_too_old", {
  what: "A sealed swipe was made longer ago than a terminal holds one.",
  means: "It was held back on its way, or the terminal's clock is slow. Nothing was charged.",
  todo: "Swipe again. If it repeats, set the terminal's clock, best by a time service (NTP).",
}) {}

export class SwipeReplayed extends failure("swipe_replayed", {
  what: "A sealed swipe came a second time.",
  means: "It was not taken again.",
  todo: "Swipe again. If it repeats, revoke the terminal and look into it.",
}) {}

export class SwipeKsnNotAdvancing extends failure("swipe_ksn_not_advancing", {
  what: "An encrypting reader's key serial number repeats or goes back.",
  means: "The swipe may be a recording of an earlier one; it was not taken.",
  todo: "Swipe again. If it repeats, take the reader out of service.",
}) {}

export class SwipeTrack2Missing extends failure("swipe_track2_missing", {
  what: "The swipe has no track 2.",
  means: "The bank can't be asked without it. Nothing was charged.",
  todo: "Swipe again, steadily and in one go.",
}) {}

// The PIN's phone call.

export class PinNoAnswer extends failure("pin_no_answer", {
  what: "Nobody answered the phone.",
  means: "Nothing was charged.",
  todo: "Swipe again with a phone at hand.",
}) {}

export class PinPhoneBusy extends failure("pin_busy", {
  what: "The phone was busy.",
  means: "Nothing was charged.",
  todo: "Swipe again when the phone is free.",
}) {}

export class PinPhoneUnreachable extends failure("pin_unreachable", {
  what: "The phone could not be called.",
  means: "Nothing was charged.",
  todo: "Check the number, then swipe again.",
}) {}

export class PinAbandoned extends failure("pin_abandoned", {
  what: "The call ended, or ran out of time, before a PIN was entered.",
  means: "Nothing was charged.",
  todo: "Swipe again, and close the PIN with the hash key.",
}) {}

export class PinMalformed extends failure("pin_malformed", {
  what: "What was entered three times was no PIN: it has 4 to 12 digits.",
  means: "Nothing was charged.",
  todo: "Swipe again.",
}) {}

// Voice.

export class VoicePromptUnusable extends failure("voice_prompt_unusable", {
  what: "A recording that is played to payers can't be used.",
  means: "The gateway did not start.",
  todo: "Put a WAV file with 8 kHz, mono, 16-bit linear PCM in its place.",
}) {}

export class VoiceProcessEnded extends failure("voice_process_ended", {
  what: "The baresip that phones payers has ended, or does not come up.",
  means: "Calls under way were lost. It is started again, after a while that grows as long as it fails.",
  todo: "If it repeats, check that the package baresip-core is installed and voice.address and voice.sipPort are free.",
}) {}

export class VoiceControlSilent extends failure("voice_control_silent", {
  what: "The baresip that phones payers does not answer commands.",
  means: "It is ended, with its calls, and started again.",
  todo: "If it repeats, the machine has too little processor time for so many calls.",
}) {}

export class VoiceControlGarbled extends failure("voice_control_garbled", {
  what: "What comes from baresip's control connection can't be followed.",
  means: "It is ended, with its calls, and started again.",
  todo: "Use baresip 1.0.0 of the package baresip-core.",
}) {}

export class VoiceRegistrationRefused extends failure("voice_registration_refused", {
  what: "The SIP trunk did not accept the gateway's registration.",
  means: "Payers can't be phoned until it does; it is tried again and again.",
  todo: "Check domain, user and password of the config's voice section; the SIP status says what the trunk means.",
}) {}

export class VoiceAriUnreachable extends failure("voice_ari_unreachable", {
  what: "The connection to Asterisk's REST interface (ARI) is not there.",
  means: "Calls under way were lost, and payers can't be phoned until it is back; it is tried again and again.",
  todo: "Check that Asterisk runs, with http.conf and ari.conf enabled, and voice.url in the config.",
}) {}

export class VoiceAriRefused extends failure("voice_ari_refused", {
  what: "Asterisk's REST interface (ARI) refused what the gateway asked.",
  means: "A call could not be made, or no calls can be made at all. The HTTP status says what Asterisk means.",
  todo: "401 and 403: check voice.user and voice.password against ari.conf; otherwise voice.endpoint against pjsip.conf.",
}) {}

export class VoiceAriGarbled extends failure("voice_ari_garbled", {
  what: "An event from Asterisk's REST interface (ARI) can't be read.",
  means: "It was dropped.",
  todo: "Use Asterisk 22, and check that voice.url leads to it.",
}) {}

export class VoiceSoundMissing extends failure("voice_sound_missing", {
  what: "Asterisk could not play a prompt to a payer.",
  means: "The payer heard nothing; keys are taken all the same.",
  todo: "Put the prompts where Asterisk looks for sounds, in a folder for each language, as gateway/voice/README.md says.",
}) {}

// Merchants.

export class MemberCodeTaken extends failure("merchant_member_code_taken", {
  what: "Another merchant has this member code.",
  means: "No merchant was added.",
  todo: "Choose another member code.",
}) {}

export class MemberCodeMalformed extends failure("merchant_member_code_malformed", {
  what: "A member code is 1 to 32 letters, digits or hyphens.",
  means: "No merchant was added.",
  todo: "Choose another member code.",
}) {}

export class MerchantNameMalformed extends failure("merchant_name_malformed", {
  what: "A merchant's name has 1 to 80 characters.",
  means: "No merchant was added.",
  todo: "Give the name that payers know the merchant by.",
}) {}

export class WebhookUrlRefused extends failure("merchant_webhook_url_refused", {
  what: "A webhook URL must be https without a user name in it; http is taken for this machine only.",
  means: "No merchant was added.",
  todo: "Give an https URL.",
}) {}

export class ApiKeyRefused extends failure("api_key_refused", {
  what: "The request has no valid API key.",
  means: "Nothing was done.",
  todo: "Send the header Authorization: Bearer, followed by the key that was shown when the merchant was added.",
}) {}

// HTTP.

export class HttpRouteUnknown extends failure("http_route_unknown", {
  what: "There is nothing at this address.",
  means: "Nothing was done.",
  todo: "Check the path against the documentation.",
}) {}

export class HttpMethodNotAllowed extends failure("http_method_not_allowed", {
  what: "This address does not take this method.",
  means: "Nothing was done.",
  todo: "Use one of the methods in the answer's Allow header.",
}) {}

export class HttpMediaTypeUnsupported extends failure("http_media_type_unsupported", {
  what: "The request's body is not application/json.",
  means: "Nothing was done.",
  todo: "Send JSON, with its Content-Type.",
}) {}

export class HttpRequestMalformed extends failure("http_request_malformed", {
  what: "The request is not well-formed HTTP.",
  means: "Nothing was done.",
  todo: "Check what sends it.",
}) {}

export class HttpTooManyRequests extends failure("http_too_many_requests", {
  what: "Too many requests came from this address.",
  means: "Nothing was done.",
  todo: "Wait as long as the answer's Retry-After header says.",
}) {}

export class HttpNotListening extends failure("http_not_listening", {
  what: "The HTTP API could not listen on its host and port.",
  means: "The gateway did not start.",
  todo: "See whether another program has the port, and check http.host and http.port of the config.",
}) {}

export class GatewayFault extends failure("gateway_fault", {
  what: "The gateway failed at something that should have worked.",
  means: "The request may or may not have been carried out.",
  todo: "Repeat it with the same Idempotency-Key. If it fails again, report it with the gateway's log around it.",
}) {}

// Config.

export class GatewayConfigInvalid extends failure("gateway_config_invalid", {
  what: "The gateway's config is wrong.",
  means: "The gateway did not start.",
  todo: "Correct what is named, and start it again.",
}) {
  /** One line for each problem: where, what was given, what is allowed. */
  readonly problems: readonly string[];

  constructor({ problems = [], ...options }: FailureOptions & { readonly problems?: readonly string[] } = {}) {
    super(options);
    this.problems = problems;
  }
}

export class DataDirectoryNotWritable extends failure("data_directory_not_writable", {
  what: "The directory of a gateway could not be made or written to.",
  means: "The gateway's config and keys were not made.",
  todo: "Choose a directory that this user may write to.",
}) {}

export class DataDirectoryNotEmpty extends failure("data_directory_not_empty", {
  what: "There is already a gateway in this directory.",
  means: "Nothing was written: its keys and its database stay as they are.",
  todo: "Choose another directory.",
}) {}

export class AcquirerUnreachable extends failure("acquirer_unreachable", {
  what: "The bank cannot be reached.",
  means: "Nothing was sent and nothing was charged.",
  todo: "Pay again in a moment. If it stays so, check the line to the acquirer.",
}) {}

export class AcquirerTlsUnusable extends failure("acquirer_tls_unusable", {
  what: "A certificate or key for the line to the bank cannot be used.",
  means: "The gateway does not start.",
  todo: "Correct the file that is named under acquirer.tls: PEM, readable, and a key with mode 0600.",
}) {}

export class AcquirerCertificateRefused extends failure("acquirer_certificate_refused", {
  what: "The certificate at the bank's address is not the bank's.",
  means: "Nothing was sent to it and nothing is charged; it is tried again.",
  todo: "Check acquirer.host, and acquirer.tls.ca and serverName against what the bank gave you. Do not go around it.",
}) {}

export class AcquirerTlsFailed extends failure("acquirer_tls_failed", {
  what: "No TLS connection to the bank came about.",
  means: "Nothing was sent and nothing is charged; it is tried again.",
  todo: "Check that the bank speaks TLS 1.2 or later at this port, and whether it asks for a client certificate.",
}) {}

export class AcquirerRequestNotSent extends failure("acquirer_request_not_sent", {
  what: "A request could not be made into a message to the bank.",
  means: "Nothing was sent, nothing was charged and nothing was given back.",
  todo: "Pay with another card. The cause in the gateway's log names the field that does not fit.",
}) {}

export class AcquirerReversalRefused extends failure("acquirer_reversal_refused", {
  what: "The bank refused to undo a transaction.",
  means: "It may stand at the bank. The order can't be paid again until it is settled; the reversal is repeated.",
  todo: "Ask the acquirer what became of it, then tell the gateway with `swipewire-gateway payment settle`.",
}) {}

export class AcquirerRequestRefused extends failure("acquirer_request_refused", {
  what: "The bank refused a message about a batch.",
  means: "The batch is not settled yet; its payments are not touched by that.",
  todo: "Ask the acquirer with the response code that is named here.",
}) {}

export class AcquirerOutcomeUnknown extends failure("acquirer_outcome_unknown", {
  what: "A message was sent to the bank, and no answer came that can be trusted.",
  means:
    "Whether it was carried out is not known; a charge is reversed until the bank confirms that it does not stand.",
  todo: "Wait for the reversal. If it repeats, check the line to the acquirer and the terminal's keys.",
}) {
  /** Field 39 of the reversal that follows. */
  readonly reversalReason: ReversalReason;

  constructor(options: FailureOptions & { readonly reversalReason?: ReversalReason } = {}) {
    super(options);
    this.reversalReason = options.reversalReason ?? "98";
  }
}

export class AcquirerTraceInUse extends failure("acquirer_trace_in_use", {
  what: "A message with the same trace number is still waiting for the bank's answer.",
  means: "The second one was not sent.",
  todo: "Wait for the first to be answered or to time out.",
}) {}

export class AcquirerMacInvalid extends failure("acquirer_mac_invalid", {
  what: "A bank's reply does not carry the right MAC.",
  means: "It was altered, or the keys are out of step, so it is not believed. The terminal signs on again.",
  todo: "If it repeats, load the terminal master key of this terminal again. Where it is absent, see TLS in gateway/acquirer/README.md.",
}) {}

export class AcquirerReplyMismatch extends failure("acquirer_reply_mismatch", {
  what: "A bank's reply does not fit the request it answers.",
  means: "It is not believed; a charge is reversed.",
  todo: "Report it to the acquirer with the time it happened.",
}) {}

export class AcquirerReplyUnmatched extends failure("acquirer_reply_unmatched", {
  what: "A bank's reply came that nobody waits for any more.",
  means: "It was dropped; what it answers was given up and, if it was a charge, reversed.",
  todo: "If it happens often, the acquirer is slower than the request timeout.",
}) {}

export class AcquirerSignOnRefused extends failure("acquirer_sign_on_refused", {
  what: "The bank refused the terminal's sign-on.",
  means: "Nothing can be charged until it takes one; it is tried again.",
  todo: "Check terminal and merchant number with the acquirer.",
}) {}

export class ReaderKeyUnknown extends failure("reader_key_unknown", {
  what: "No base derivation key serves the reader's key serial number.",
  means: "The card data cannot be opened. Nothing was charged.",
  todo: "Add the reader maker's base derivation key to the key store, or use another reader.",
}) {}

export class WorkingKeysMissing extends failure("working_keys_missing", {
  what: "The terminal has no working keys: the bank has not taken its sign-on yet.",
  means: "No PIN can be encrypted and nothing can be charged.",
  todo: "Wait for the sign-on. If it does not come, check the line to the acquirer.",
}) {}

export class KeyFileUnreadable extends failure("key_file_unreadable", {
  what: "The key file cannot be read.",
  means: "The gateway does not start without its keys.",
  todo: "Make one with swipewire-gateway init or keys init, or correct its path in the configuration.",
}) {}

export class KeyFileExposed extends failure("key_file_exposed", {
  what: "The key file can be read by others than its owner.",
  means: "Somebody may be guessing at its passphrase, so the gateway does not start with it.",
  todo: "Change the keys if others had access to this machine; then chmod 600 the file.",
}) {}

export class KeyFileInvalid extends failure("key_file_invalid", {
  what: "The key file is not what a key file should be, or is damaged.",
  means: "The gateway does not start without its keys; the detail names the place, never a key.",
  todo: "Restore it from its backup. One that holds keys in clear is an older release's: make a new one with keys init.",
}) {}

export class KeyFileExists extends failure("key_file_exists", {
  what: "There is a key file already, or its place cannot be written.",
  means: "It was left as it is: overwriting it would lose the keys that terminals seal to.",
  todo: "Choose another path, or move the old file away.",
}) {}

export class KeySecretUnreadable extends failure("key_secret_unreadable", {
  what: "The passphrase of the key file, or the PIN of the token, cannot be read.",
  means: "No key can be used.",
  todo: "Check keys.secretFile or keys.secretCredential in the configuration, and who may read what it names.",
}) {}

export class KeySecretExposed extends failure("key_secret_exposed", {
  what: "The file with the passphrase or PIN of the keys can be read by others than its owner.",
  means: "Somebody may know it, so it is not used.",
  todo: "Change the passphrase or PIN if others had access to this machine; then chmod 600 the file.",
}) {}

export class KeySecretExists extends failure("key_secret_exists", {
  what: "The file for a new passphrase is there already, or its place cannot be written.",
  means: "Nothing was made or changed.",
  todo: "Choose another path, or use the passphrase that is there.",
}) {}

export class KeySecretElsewhere extends failure("key_secret_elsewhere", {
  what: "What opens these keys is not a passphrase in a file that can be replaced.",
  means: "It was not changed.",
  todo: "For a systemd credential name a new file with --to, and seal that one. A token's PIN is changed with the token's tools.",
}) {}

export class KeySecretWeak extends failure("key_secret_weak", {
  what: "The passphrase is too short to protect keys.",
  means: "No key file was made or changed.",
  todo: "Use at least 12 characters, better a random passphrase of 32.",
}) {}

export class KeySecretWrong extends failure("key_secret_wrong", {
  what: "The passphrase does not open the key file, or the token refuses its PIN.",
  means: "No key can be used. A token locks itself after a few wrong PINs.",
  todo: "Give the right one; the detail says which of both. Where a change of the passphrase was cut off, run keys passphrase again.",
}) {}

export class KeyStoreBusy extends failure("key_store_busy", {
  what: "Another command is changing the keys, or has changed them meanwhile.",
  means: "Nothing was changed by this one.",
  todo: "Run it again. If no other command runs, one was killed: remove the file that the detail names.",
}) {}

export class KeyUnknown extends failure("key_unknown", {
  what: "There is no key of this name.",
  means: "Nothing was done.",
  todo: "Look the name up with swipewire-gateway keys list.",
}) {}

export class KeyNameTaken extends failure("key_name_taken", {
  what: "There is a key of this name already.",
  means: "Nothing was changed.",
  todo: "Choose another name, or remove the old key first.",
}) {}

export class KeyUnsuitable extends failure("key_unsuitable", {
  what: "A key cannot serve for this: its type, its length or its KSN prefix does not fit.",
  means: "Nothing was changed.",
  todo: "Check what the detail names against the table of keys in gateway/keys/README.md.",
}) {}

export class KeyWeak extends failure("key_weak", {
  what: "A key or component is one that no random source would give, or no stronger than single DES.",
  means: "It was not taken.",
  todo: "Ask for a new one. Published test keys are taken with --allow-weak, for tests only.",
}) {}

export class KeyComponentMalformed extends failure("key_component_malformed", {
  what: "A component is not in hexadecimal, or not as long as the key.",
  means: "No key was made.",
  todo: "Start again and type the digits as the form has them: two for each byte.",
}) {}

export class KeyParityWrong extends failure("key_parity_wrong", {
  what: "A component of a TDES key does not have odd parity.",
  means: "A digit is likely mistyped. No key was made.",
  todo: "Compare what was typed with the form and start again. --any-parity takes components that never had parity.",
}) {}

export class KeyComponentsEqual extends failure("key_components_equal", {
  what: "Two components are the same.",
  means: "They would cancel each other out. No key was made.",
  todo: "Give each custodian's own component.",
}) {}

export class KeyCheckValueWrong extends failure("key_check_value_wrong", {
  what: "A check value is not the one that was expected.",
  means: "A component is mistyped, or not of this key. No key was made.",
  todo: "Compare component and check value with the form and start again.",
}) {}

export class KeyEntryAborted extends failure("key_entry_aborted", {
  what: "The entry ended before everything was given.",
  means: "Nothing was changed.",
  todo: "Start again; piped, each component and its check value is a line.",
}) {}

export class KeyNotExportable extends failure("key_not_exportable", {
  what: "This key does not leave its store.",
  means: "No key block was made.",
  todo: "Ask whoever gave it for a block of it. Keys in a token and envelope keys never leave.",
}) {}

export class KeyBlockUnsuitable extends failure("key_block_unsuitable", {
  what: "The header of a key block says that its key is for something else.",
  means: "The key was not taken.",
  todo: "Check --use, or ask for a block with the header fields of gateway/keys/README.md.",
}) {}

export class EnvelopeKeyMissing extends failure("envelope_key_missing", {
  what: "The key store holds no envelope key.",
  means: "Terminals have nothing to seal swipes to, so the gateway does not start.",
  todo: "Make one with swipewire-gateway keys rotate.",
}) {}

export class AuthorityMissing extends failure("authority_missing", {
  what: "The key store holds no key that signs certificates.",
  means: "No certificate can be made. A gateway whose config asks for certificates does not start.",
  todo: "Make it: swipewire-gateway certificates init.",
}) {}

export class AuthorityExists extends failure("authority_exists", {
  what: "The key store has a key that signs certificates.",
  means: "Nothing was changed.",
  todo: "Nothing: it is the one that terminals know. swipewire-gateway certificates authority shows its certificate.",
}) {}

export class GatewayKeyMissing extends failure("gateway_key_missing", {
  what: "The key store holds no signing key of the gateway.",
  means: "It was made by an earlier release. Terminals go on sealing to the key that they know.",
  todo: "Nothing now: swipewire-gateway keys rotate makes one.",
}) {}

export class EnvelopeKeysTwo extends failure("envelope_keys_two", {
  what: "There are two envelope keys already.",
  means: "No third was made.",
  todo: "Run swipewire-gateway keys retire, which says whether a terminal still seals to the older one; then rotate.",
}) {}

export class EnvelopeKeyInUse extends failure("envelope_key_in_use", {
  what: "Terminals were last known to seal to this envelope key.",
  means: "It was kept: without it what they seal cannot be opened until they have asked for the new one.",
  todo: "Wait until they have been on for half an hour, or revoke those that are gone. With --force it is removed all the same.",
}) {}

export class EnvelopeKeyLast extends failure("envelope_key_last", {
  what: "This is the only envelope key.",
  means: "It was kept: without it no swipe can be opened.",
  todo: "Make a new one with swipewire-gateway keys rotate first.",
}) {}

export class KeyModuleUnusable extends failure("key_module_unusable", {
  what: "The token's PKCS#11 library cannot be used.",
  means: "The gateway does not start without its keys.",
  todo: "Check keys.module; for the binding, npm install pkcs11js, which needs a C++ compiler, make and Python.",
}) {}

export class KeyTokenMissing extends failure("key_token_missing", {
  what: "There is no token with the configured label.",
  means: "The gateway does not start without its keys.",
  todo: "Check keys.token, and that the token is plugged in, switched on and initialised.",
}) {}

export class KeyTokenLocked extends failure("key_token_locked", {
  what: "The token has locked its PIN.",
  means: "Too many wrong ones were given; no key can be used.",
  todo: "Unlock it with its security officer's PIN. Find out who tried.",
}) {}

export class KeyMechanismMissing extends failure("key_mechanism_missing", {
  what: "The token cannot do something that the gateway needs.",
  means: "Its keys cannot be used for payments.",
  todo: "Allow the mechanism that the detail names in the token's configuration, or use another token.",
}) {}

export class KeyTokenFailed extends failure("key_token_failed", {
  what: "The token failed.",
  means: "What needed a key was not done.",
  todo: "Check the token; the detail has its own error code. Restart the gateway when it works again.",
}) {}

export class SmsNotSent extends failure("sms_not_sent", {
  what: "A text message could not be handed to its channel.",
  means: "The payer has not got it yet; the payment is not touched by that.",
  todo: "Nothing: it is tried again. If it repeats, check the SMS channel.",
}) {}
