import { failure } from "./failure.ts";

export class SensitiveBytesWiped extends failure("sensitive_bytes_wiped", {
  what: "Sensitive bytes were used after they were wiped.",
  means: "The payment they belonged to is over; this is a fault in the program, not in the card.",
  todo: "Report it with the log around it.",
}) {}

export class EnvelopeUnreadable extends failure("envelope_unreadable", {
  what: "A sealed swipe could not be decrypted.",
  means: "It was altered on the way, or is no sealed swipe at all. Nothing was charged.",
  todo: "Swipe again. If it repeats, bring daemon and gateway to the same release.",
}) {}

export class EnvelopeKeyUnknown extends failure("envelope_key_unknown", {
  what: "A swipe was sealed to a key that the gateway does not have, or no longer.",
  means: "It could not be opened. Nothing was charged.",
  todo: "Swipe again: the terminal asks for the gateway's present key by itself. If it repeats, enrol the terminal anew.",
}) {}

export class SealingKeysRefused extends failure("sealing_keys_refused", {
  what: "An answer about the gateway's sealing keys is not the gateway's.",
  means:
    "It was altered on the way, made by someone else, or the gateway's key store was made anew. The terminal goes on sealing to the key it has.",
  todo: "If the key store was made anew, enrol the terminal anew. Otherwise find out who can write to the broker.",
}) {}

export class CertificateRequestRefused extends failure("certificate_request_refused", {
  what: "A request for a certificate is not this terminal's, or is none.",
  means: "No certificate was made.",
  todo: "Run the daemon and the gateway in releases that know each other; if it repeats, find out who can write to the broker.",
}) {}

export class CertificateAnswerRefused extends failure("certificate_answer_refused", {
  what: "An answer about the terminal's certificate is not the gateway's, or does not fit what was asked.",
  means:
    "It was altered on the way, made by someone else, or the gateway's key store was made anew. The terminal goes on with the certificate it has.",
  todo: "If the key store was made anew, enrol the terminal anew. Otherwise find out who can write to the broker.",
}) {}

export class EnvelopeSignatureInvalid extends failure("envelope_signature_invalid", {
  what: "A sealed swipe does not carry the signature of the terminal that sent it.",
  means: "It was altered, or made by someone else. Nothing was charged.",
  todo: "Swipe again. If it repeats, revoke the terminal and enrol it anew.",
}) {}

export class EnvelopeMalformed extends failure("envelope_malformed", {
  what: "A sealed swipe opened, but what is inside is not a swipe.",
  means: "The terminal runs a version this gateway does not speak. Nothing was charged.",
  todo: "Bring daemon and gateway to the same release.",
}) {}

export class MessageTooLarge extends failure("message_too_large", {
  what: "A message is larger than its channel allows.",
  means: "It was dropped unread.",
  todo: "Send less; the detail names the limit. No Swipewire program sends messages of that size.",
}) {}

export class MessageNotJson extends failure("message_not_json", {
  what: "A message is not valid JSON.",
  means: "It was dropped.",
  todo: "Send JSON in UTF-8. No Swipewire program sends anything else.",
}) {}

export class MessageInvalid extends failure("message_invalid", {
  what: "A message does not match its schema.",
  means: "It was dropped; the detail names the place and the rule, never the value.",
  todo: "Give that place the documented form. If both ends are Swipewire programs, bring them to the same release.",
}) {}

export class ReaderFrameLength extends failure("reader_frame_length", {
  what: "A reader frame is shorter or longer than it says or than its family allows.",
  means: "The reader or its cable garbled what it read. Nothing was charged.",
  todo: "Swipe again. If it repeats, check that the reader is set to the family that the daemon is set to.",
}) {}

export class ReaderFrameStart extends failure("reader_frame_start", {
  what: "A reader frame does not begin as its family begins.",
  means: "The reader or its cable garbled what it read. Nothing was charged.",
  todo: "Swipe again. If it repeats, check that the reader is set to the family that the daemon is set to.",
}) {}

export class ReaderFrameEnd extends failure("reader_frame_end", {
  what: "A reader frame does not end as its family ends.",
  means: "The reader or its cable garbled what it read. Nothing was charged.",
  todo: "Swipe again. If it repeats, check that the reader is set to the family that the daemon is set to.",
}) {}

export class ReaderFrameLrc extends failure("reader_frame_lrc", {
  what: "The LRC of a reader frame is wrong.",
  means: "The reader or its cable garbled what it read. Nothing was charged.",
  todo: "Swipe again. If it repeats, check that the reader is set to the family that the daemon is set to.",
}) {}

export class ReaderFrameChecksum extends failure("reader_frame_checksum", {
  what: "The checksum of a reader frame is wrong.",
  means: "The reader or its cable garbled what it read. Nothing was charged.",
  todo: "Swipe again. If it repeats, check that the reader is set to the family that the daemon is set to.",
}) {}

export class ReaderFrameField extends failure("reader_frame_field", {
  what: "A field of a reader frame holds what its family does not allow there.",
  means: "The reader or its cable garbled what it read. Nothing was charged.",
  todo: "Swipe again. If it repeats, check that the reader is set to the family that the daemon is set to.",
}) {}

export class ReaderFamilyUnknown extends failure("reader_family_unknown", {
  what: "The bytes resemble no reader family that Swipewire speaks.",
  means: "They were not decoded.",
  todo: "Name the family, or check that the capture is whole.",
}) {}

export class ReaderKeysExhausted extends failure("reader_keys_exhausted", {
  what: "The reader has used up its keys.",
  means: "It can encrypt no card until it is given a new initial key. Nothing was charged.",
  todo: "Have the reader's key injected anew, or take another reader.",
}) {}

export class ReaderEncryptionUnsupported extends failure("reader_encryption_unsupported", {
  what: "The reader encrypts in a way that Swipewire does not open.",
  means: "The swipe is of no use. Nothing was charged.",
  todo: "Set the reader to TDES with DUKPT keys.",
}) {}

export class ReaderMaskRevealing extends failure("reader_mask_revealing", {
  what: "The reader shows more of an encrypted card than its first six and last four digits.",
  means: "The frame was refused, so that the number goes no further. Nothing was charged.",
  todo: "Set the reader to mask all but the first six and last four digits.",
}) {}

export class ReaderTracksMissing extends failure("reader_tracks_missing", {
  what: "The reader did not read track 2, without which no bank is asked.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again, steadily and in one go. If no card is read, see that the reader's head reaches track 2.",
}) {}

export class ReaderDecryptionFailed extends failure("reader_decryption_failed", {
  what: "What the reader encrypted does not decrypt to a track.",
  means: "It was altered on the way, or the reader's key is not the one registered for it. Nothing was charged.",
  todo: "Swipe again. If it repeats, check which base derivation key the reader was injected with.",
}) {}

export class ReaderHashMismatch extends failure("reader_hash_mismatch", {
  what: "A decrypted track does not match the hash that the reader sent with it.",
  means: "The frame was altered on the way. Nothing was charged.",
  todo: "Swipe again. If it repeats, have the reader and its cable looked at.",
}) {}

export class ReaderDescriptorTruncated extends failure("reader_descriptor_truncated", {
  what: "A reader's HID report descriptor ends in the middle of an item.",
  means: "What the reader sends cannot be told apart, so it is not used.",
  todo: "Unplug the reader and plug it in again. If it repeats, take another reader.",
}) {}

export class ReaderDescriptorInvalid extends failure("reader_descriptor_invalid", {
  what: "A reader's HID report descriptor breaks the rules of its standard.",
  means: "What the reader sends cannot be told apart, so it is not used.",
  todo: "Take another reader, and tell its maker which rule it breaks: the detail names it.",
}) {}

export class ReaderDescriptorTooLarge extends failure("reader_descriptor_too_large", {
  what: "A reader's HID report descriptor is larger, or describes larger reports, than any reader needs.",
  means: "It is not used.",
  todo: "Take another reader.",
}) {}

export class ReaderDescriptorWithoutTracks extends failure("reader_descriptor_without_tracks", {
  what: "A HID report descriptor has no report that carries the tracks of a card.",
  means:
    "The device is no magnetic stripe reader of the HID point of sale usage page, or sends tracks in a form of its own.",
  todo: "Set the reader to the family of its maker, or take another reader.",
}) {}

export class ReaderCardNotPayment extends failure("reader_card_not_payment", {
  what: "The card's stripe is laid out as a driving licence or another document, not as a payment card.",
  means: "Nothing was taken from it and nothing was charged.",
  todo: "Swipe a payment card.",
}) {}

export class ReaderCommandMalformed extends failure("reader_command_malformed", {
  what: "A command to a reader, or its answer, is not laid out as its maker's manual says.",
  means: "The reader's setting was not read or changed, or that is not known.",
  todo: "Ask the reader again. If it repeats, check its model and firmware against its profile.",
}) {}

export class ReaderCommandRefused extends failure("reader_command_refused", {
  what: "The reader refused a command.",
  means: "Its setting is as it was; the detail names the reason that it gave.",
  todo: "Check the setting against the reader's manual and its security level.",
}) {}

export class ReaderCommandMac extends failure("reader_command_mac", {
  what: "A command to a reader carries a wrong message authentication code.",
  means: "It was not carried out.",
  todo: "Check that the key that signs commands is the one injected into this reader.",
}) {}

export class ReaderChallengeFailed extends failure("reader_challenge_failed", {
  what: "A reader and its host do not hold the same key.",
  means: "Authenticated mode was not entered or left.",
  todo: "Check which base derivation key the reader was injected with.",
}) {}

export class TrackSentinel extends failure("track_sentinel", {
  what: "A track does not begin or end with its sentinel.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackCharacter extends failure("track_character", {
  what: "A track holds a character that its alphabet or its place does not allow.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackTooLong extends failure("track_too_long", {
  what: "A track is longer than its standard allows.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackFormatCode extends failure("track_format_code", {
  what: "The format code of a track is not a payment card's.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackPan extends failure("track_pan", {
  what: "A track's card number is not 8 to 19 digits and a separator.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackName extends failure("track_name", {
  what: "A track's name is not up to 26 characters and a separator.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackExpiry extends failure("track_expiry", {
  what: "A track has neither an expiry date nor a separator in its place.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackServiceCode extends failure("track_service_code", {
  what: "A track has neither a service code nor a separator in its place.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackLrc extends failure("track_lrc", {
  what: "The LRC of a track is wrong.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class TrackParity extends failure("track_parity", {
  what: "A character of a track has the wrong parity.",
  means: "The stripe was misread, is damaged, or is not a payment card's. Nothing was charged.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class KeyLength extends failure("key_length", {
  what: "A key does not have the length that its algorithm takes.",
  means: "Nothing was encrypted, decrypted or signed with it.",
  todo: "Check the key file or the key that was given: AES takes 16, 24 or 32 bytes, TDES 16 or 24, single DES 8.",
}) {}

export class KeyTooWeak extends failure("key_too_weak", {
  what: "A key was to protect or derive a key that is stronger than itself.",
  means: "Nothing was made of it: the stronger key would be worth no more than the weaker one.",
  todo: "Use a key at least as long, and AES for AES keys.",
}) {}

export class KsnInvalid extends failure("ksn_invalid", {
  what: "A key serial number is not one of its scheme: ten bytes for TDES DUKPT, twelve for AES DUKPT.",
  means: "No key can be derived for it.",
  todo: "Check the reader's profile and key injection.",
}) {}

export class CiphertextLength extends failure("ciphertext_length", {
  what: "What is to be encrypted or decrypted is not whole blocks of its cipher.",
  means: "It was cut short or altered on the way. Nothing was charged.",
  todo: "Swipe again. If it repeats, check the reader's profile.",
}) {}

export class KeyBlockLength extends failure("key_block_length", {
  what: "A key block is not as long as it says, or as its version asks for.",
  means: "No key was taken from it, or none was wrapped.",
  todo: "Check that it was copied whole.",
}) {}

export class KeyBlockHeaderInvalid extends failure("key_block_header_invalid", {
  what: "A field of a key block's header holds what X9.143 does not allow there.",
  means: "No key was taken from it, or none was wrapped.",
  todo: "Check that it was copied right, and ask who made it.",
}) {}

export class KeyBlockOptionalBlockInvalid extends failure("key_block_optional_block_invalid", {
  what: "The optional blocks of a key block's header are not as X9.143 asks for.",
  means: "No key was taken from it, or none was wrapped.",
  todo: "Check that it was copied right, and ask who made it.",
}) {}

export class KeyBlockNotHex extends failure("key_block_not_hex", {
  what: "The encrypted key or the MAC of a key block is not in upper-case hexadecimal.",
  means: "No key was taken from it.",
  todo: "Check that it was copied right.",
}) {}

export class KeyBlockMacInvalid extends failure("key_block_mac_invalid", {
  what: "The MAC of a key block is wrong.",
  means: "It was altered, or wrapped under another protection key. No key was taken from it.",
  todo: "Check that it was copied right, and compare the check values of both sides' protection keys.",
}) {}

export class KeyBlockKeyLength extends failure("key_block_key_length", {
  what: "The key in a key block does not have a length that its algorithm takes.",
  means: "No key was taken from it, or none was wrapped.",
  todo: "Check the algorithm in the header: AES takes 16, 24 or 32 bytes, TDES 16 or 24, single DES 8.",
}) {}

export class PinBlockPin extends failure("pin_block_pin", {
  what: "A PIN that is not 4 to 12 digits was to go into a PIN block.",
  means: "No PIN block was made and nothing was sent.",
  todo: "Enter the PIN again.",
}) {}

export class PinBlockPan extends failure("pin_block_pan", {
  what: "A PIN block was to be made or opened for a card number that is not 8 to 19 digits.",
  means: "No PIN was taken or compared.",
  todo: "Swipe again. If it repeats, use another card.",
}) {}

export class PinBlockMalformed extends failure("pin_block_malformed", {
  what: "A decrypted PIN block is not one of its format, or not for its card number.",
  means: "It was encrypted under another key, or made for another card.",
  todo: "Sign on again so that both sides hold the same PIN key.",
}) {}

export class Iso8583Truncated extends failure("iso8583_truncated", {
  what: "An ISO 8583 message ends before its fields do.",
  means: "It was dropped. If it was the answer to a charge, the charge's outcome is unknown and it is reversed.",
  todo: "Check that both sides speak the same dialect.",
}) {}

export class Iso8583TrailingBytes extends failure("iso8583_trailing_bytes", {
  what: "An ISO 8583 message goes on after its last field.",
  means: "It was dropped. If it was the answer to a charge, the charge's outcome is unknown and it is reversed.",
  todo: "Check that both sides speak the same dialect.",
}) {}

export class Iso8583FieldUnknown extends failure("iso8583_field_unknown", {
  what: "An ISO 8583 message holds a field that its dialect does not have.",
  means: "It was dropped. If it was the answer to a charge, the charge's outcome is unknown and it is reversed.",
  todo: "Check that both sides speak the same dialect.",
}) {}

export class Iso8583LengthInvalid extends failure("iso8583_length_invalid", {
  what: "A field of an ISO 8583 message is longer or shorter than its dialect allows.",
  means: "The message was dropped, or not sent.",
  todo: "Check that both sides speak the same dialect, and the acquirer's settings.",
}) {}

export class Iso8583DigitInvalid extends failure("iso8583_digit_invalid", {
  what: "A field of an ISO 8583 message holds something else than digits.",
  means: "The message was dropped, or not sent.",
  todo: "Check that both sides speak the same dialect, and the acquirer's settings.",
}) {}

export class Iso8583PaddingInvalid extends failure("iso8583_padding_invalid", {
  what: "The half byte that fills an odd number of digits in an ISO 8583 message is not zero.",
  means: "The message was dropped. If it was the answer to a charge, the outcome is unknown and it is reversed.",
  todo: "Check that both sides speak the same dialect.",
}) {}

export class Iso8583CharacterInvalid extends failure("iso8583_character_invalid", {
  what: "A field of an ISO 8583 message holds a character that its dialect does not allow there.",
  means: "The message was dropped, or not sent.",
  todo: "Check that both sides speak the same dialect, and the acquirer's settings.",
}) {}

export class Iso8583FrameLength extends failure("iso8583_frame_length", {
  what: "A connection announced an ISO 8583 message of an impossible length.",
  means: "What follows cannot be understood, so the connection is dropped and made anew.",
  todo: "Check the address of the acquirer, and that it frames messages with a two-byte length.",
}) {}

export class WorkingKeysRefused extends failure("working_keys_refused", {
  what: "The bank's working keys could not be taken from its sign-on reply.",
  means: "Terminal and bank do not hold the same terminal master key. Nothing can be charged.",
  todo: "Load the terminal master key of this terminal again, from its components.",
}) {}

export class CurrencyUnsupported extends failure("currency_unsupported", {
  what: "The bank's channel does not charge in the currency of the order.",
  means: "Nothing was sent and nothing was charged.",
  todo: "Place the order in a currency that the acquirer takes.",
}) {}

export class SettlementTotalsInvalid extends failure("settlement_totals_invalid", {
  what: "The totals of a settlement are not the numbers that field 48 has room for.",
  means: "The batch was not closed.",
  todo: "Settle again. If it repeats, compare the dialect of the bank with the acquirer's settings.",
}) {}

export class BatchUploadInvalid extends failure("batch_upload_invalid", {
  what: "The transactions of a batch upload, or their count, are not what field 48 has room for.",
  means: "The batch is not ended yet.",
  todo: "Settle again. If it repeats, compare the rules of the bank's settlement with the acquirer's settings.",
}) {}

export class ParametersMalformed extends failure("parameters_malformed", {
  what: "Downloaded parameters are not laid out as the acquirer's layout says.",
  means: "None of them was taken.",
  todo: "Compare the layout in the acquirer's settings with its specification.",
}) {}

// Swipes on a sound input.

export class WavUnreadable extends failure("wav_unreadable", {
  what: "A recording is not a WAV file that can be read.",
  means: "Nothing was decoded.",
  todo: "Record as WAV: PCM of 8 to 32 bits or 32-bit float, one or two channels.",
}) {}

export class WaveformInput extends failure("waveform_input", {
  what: "A sound input is set up as the waveform decoder cannot read it.",
  means: "Nothing can be swiped there.",
  todo: "Use a sample rate of 8,000 to 192,000 Hz, one or two channels, and whole frames of samples.",
}) {}

export class SwipeTooSlow extends failure("swipe_too_slow", {
  what: "The card moved too slowly.",
  means: "Its pulses were lost in the noise of the sound input. Nothing was charged.",
  todo: "Swipe again in one steady move of about half a second.",
}) {}

export class SwipeStopped extends failure("swipe_stopped", {
  what: "The card stopped midway, or was pulled out early.",
  means: "Only a part of its stripe passed the head. Nothing was charged.",
  todo: "Swipe again, from one end of the slot to the other without a halt.",
}) {}

export class SwipeTooWeak extends failure("swipe_too_weak", {
  what: "A swipe was too weak against the noise of the sound input.",
  means: "It could not be read. Nothing was charged.",
  todo: "Press the card flat into the slot and swipe a little faster. If it repeats, raise the input's gain, and clean the head.",
}) {}

export class SwipeNoCard extends failure("swipe_no_card", {
  what: "There was a sound at the input, but no card.",
  means: "Something touched the reader or its plug, or the stripe faced away from the head. Nothing was charged.",
  todo: "Swipe with the stripe towards the head, and push the plug in whole.",
}) {}

export class SwipeClipped extends failure("swipe_clipped", {
  what: "A swipe was too loud for the sound input.",
  means: "Its peaks were cut off and it could not be read. Nothing was charged.",
  todo: "Lower the input's gain, and swipe again more slowly.",
}) {}

export class SwipeUnreadable extends failure("swipe_unreadable", {
  what: "A swipe could not be read.",
  means: "Some of its bits were lost. Nothing was charged.",
  todo: "Swipe again, evenly. If it repeats with all cards, clean the head; if with one card, its stripe is worn.",
}) {}

export class SwipeUncertain extends failure("swipe_uncertain", {
  what: "A swipe was read, but not surely enough to be believed.",
  means: "Nothing was charged. A second swipe that reads the same may be believed.",
  todo: "Swipe the same card again.",
}) {}

export class SwipeNoPaymentCard extends failure("swipe_no_payment_card", {
  what: "A card was read, but it is no payment card.",
  means: "What is on its stripe does not have the form of ISO/IEC 7813 or 4909. Nothing was charged.",
  todo: "Swipe a payment card. If this is one, its stripe was written wrongly: ask its issuer for another.",
}) {}

export class ModemInput extends failure("modem_input", {
  what: "A sound input or output is set up as the framed modem cannot use it.",
  means: "No reader can be heard there.",
  todo: "Use a sample rate of 8,000 to 192,000 Hz that has at least 10 samples for 3 bits, and 1200, 2400, 4800 or 9600 Bd.",
}) {}

export class ModemFrameDamaged extends failure("modem_frame_damaged", {
  what: "A reader's frame arrived over the sound input with errors.",
  means: "It was dropped: more of it was wrong than can be corrected. Nothing was charged.",
  todo: "Swipe again. If it repeats, push the plug in whole, and bring the input's gain to where it does not clip.",
}) {}

export class ModemFrameCut extends failure("modem_frame_cut", {
  what: "A reader's frame on the sound input stopped midway.",
  means: "The plug was pulled, or the reader lost its power. Nothing was charged.",
  todo: "Push the plug in whole and swipe again.",
}) {}

export class ModemMessageInvalid extends failure("modem_message_invalid", {
  what: "A whole frame of a reader arrived, but it holds no message of the framed modem or the native frame.",
  means: "It was dropped. The reader speaks another version, or its firmware is at fault.",
  todo: "Bring the reader's firmware to what hardware-docs/framed-modem.md and native-frame.md specify.",
}) {}
