import { failure } from "@swipewire/protocol/failure";

export class TestCardUnknown extends failure("test_card_unknown", {
  what: "There is no test card of that name.",
  means: "Nothing was swiped.",
  todo: "Use one of the names that the detail lists.",
}) {}

export class SocatFailed extends failure("socat_failed", {
  what: "The program socat could not make a pseudo-terminal.",
  means: "The virtual reader cannot be connected to.",
  todo: "Install socat (apt-get install socat), and choose a path for the link that can be written.",
}) {}

export class InspectInputUnreadable extends failure("inspect_input_unreadable", {
  what: "The capture could not be read.",
  means: "Nothing was inspected.",
  todo: "Give a file that exists and can be read, or - for standard input.",
}) {}

export class InspectInputTooLarge extends failure("inspect_input_too_large", {
  what: "The capture is larger than any reader frame.",
  means: "Nothing was inspected.",
  todo: "Give a capture of one frame.",
}) {}

export class KeyMalformed extends failure("key_malformed", {
  what: "A key or key serial number is not the hex it should be.",
  means: "Nothing was done with it.",
  todo: "Give as many hex digits as the detail says; use published test keys only.",
}) {}

export class ScriptUnreadable extends failure("script_unreadable", {
  what: "The reader script could not be read.",
  means: "Nothing was played.",
  todo: "Give a file that exists and can be read; simulator/script/examples has some.",
}) {}

export class LieUnfit extends failure("lie_unfit", {
  what: "This reader, or what carries its reports, has nothing that a step of the script could be done with.",
  means: "Nothing was played. The detail names the step.",
  todo: "Play it with a reader that its outcomes name; simulator/README.md has what fits what.",
}) {}

export class ScriptContradictory extends failure("script_contradictory", {
  what: "A reader script names an outcome for a reader that cannot do one of its steps.",
  means: "Nothing was played. The detail names the reader and the step.",
  todo: "Take that outcome out, or make the step a script of its own; simulator/README.md has what fits what.",
}) {}

// The shop.

export class ShopNotConnected extends failure("shop_not_connected", {
  what: "The simulated shop has no account at a gateway yet.",
  means: "It can place no order and verify no webhook.",
  todo: "Add it as a merchant and connect it with the API key and webhook secret.",
}) {}

export class ShopRequestRefused extends failure("shop_request_refused", {
  what: "The gateway refused what the simulated shop asked for.",
  means: "The detail is the gateway's error code.",
  todo: "Look the code up in the error table.",
}) {}

export class BankNotListening extends failure("bank_not_listening", {
  what: "The simulated bank cannot listen on its port.",
  means: "It was not started.",
  todo: "Choose another port, or end the program that uses it.",
}) {}

export class BankMacInvalid extends failure("bank_mac_invalid", {
  what: "A terminal's message to the simulated bank does not carry the right MAC.",
  means: "It was refused with response code A0.",
  todo: "Sign on again. If it repeats, compare the terminal master keys.",
}) {}

export class BankMessageUnsupported extends failure("bank_message_unsupported", {
  what: "A terminal's message is none that the simulated bank knows.",
  means: "It was dropped without an answer.",
  todo: "Send sign-on, sign-off, echo, a transaction, its reversal, a settlement or a batch upload.",
}) {}

// The demo.

export class DemoStuck extends failure("demo_stuck", {
  what: "The demo's payment did not go on.",
  means: "The terminal went back to its start; the detail is the code of what went wrong there.",
  todo: "Look the code up in the error table, or run the demo with --log.",
}) {}

// Virtual USB.

export class UsbipNotListening extends failure("usbip_not_listening", {
  what: "The USB/IP server cannot listen on its port.",
  means: "No machine can attach the virtual readers.",
  todo: "Choose another port, or end the program that uses it.",
}) {}

export class UsbipRequestMalformed extends failure("usbip_request_malformed", {
  what: "A machine sent the USB/IP server what is no request, or none that these devices have.",
  means: "Its connection was closed; it sees its device unplugged.",
  todo: "Attach with Linux's usbip. If that was used, report the detail.",
}) {}

export class UhidUnavailable extends failure("uhid_unavailable", {
  what: "Linux's /dev/uhid cannot be opened.",
  means: "The virtual readers cannot be handed to this machine's kernel.",
  todo: "Load Linux's module (modprobe uhid), and run this as root or as a user that may write /dev/uhid.",
}) {}

export class DeviceUnfit extends failure("device_unfit", {
  what: "A reader of that kind cannot be had in that way.",
  means: "Nothing was plugged in.",
  todo: "Take one that the detail names, or another way: swipewire-sim reader --help.",
}) {}

export class SoundNotPlayed extends failure("sound_not_played", {
  what: "A swipe could not be played.",
  means: "Nothing was heard, or only a part of it.",
  todo: "Take the output's name from `aplay -L`, or pulse:<sink> with one of `pactl list short sinks`; aplay is in alsa-utils.",
}) {}
