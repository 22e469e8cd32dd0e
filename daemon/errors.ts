import { type FailureOptions, failure } from "@swipewire/protocol/failure";

// Readers and their transports.

export class ReaderLineTooLong extends failure("reader_line_too_long", {
  what: "A line reader sent more than a card can hold.",
  means: "What it sent was dropped. Nothing was charged.",
  todo: "Swipe again. If it repeats, check the reader's baud rate and line ending against the daemon's config.",
}) {}

export class ReaderNotOpened extends failure("reader_not_opened", {
  what: "A reader could not be opened.",
  means: "No card can be read from it; the daemon keeps trying.",
  todo: "Check that it is plugged in, that its path is right, and that the daemon's user may open it (group dialout).",
}) {}

export class ReaderFlooding extends failure("reader_flooding", {
  what: "A reader sends more than any card has.",
  means: "The daemon let go of it, and comes back to it after a pause that grows each time. Nothing was charged.",
  todo: "Pull it out and plug it in again. If it repeats, replace it.",
}) {}

export class ReaderUnreadable extends failure("reader_unreadable", {
  what: "A reader sends one thing after another that is no frame of its kind.",
  means: "The daemon let go of it, and comes back to it after a pause that grows each time. Nothing was charged.",
  todo: "Check that it is a reader of the model that the daemon takes it for, and plug it in again.",
}) {}

export class ReaderProfileUnfit extends failure("reader_profile_unfit", {
  what: "A device says that it is a reader, and its reports cannot be read.",
  means: "No card can be read from it.",
  todo: "Report its vendor and product number; use another reader until then.",
}) {}

export class ReaderUnanswering extends failure("reader_unanswering", {
  what: "A reader did not say which of its model's two formats it sends.",
  means:
    "It is taken for the one that its profile names. If that is wrong, its swipes are refused as frames of another kind.",
  todo: "Plug it in again. If its swipes are refused, give it a profile of its own in the daemon's config, with what it sends as family.",
}) {}

export class ReaderSearchFailed extends failure("reader_search_failed", {
  what: "The system does not tell what is plugged in, or not when that changes.",
  means: "Readers are found late or not at all; the daemon keeps looking.",
  todo: "Install libusb-1.0-0 and libudev1, and check that /sys can be read.",
}) {}

export class ReaderFault extends failure("reader_fault", {
  what: "The daemon failed over a reader's frame.",
  means: "The frame was thrown away. Nothing was charged. This is a fault in the program.",
  todo: "Swipe again, and report it with the reader's name.",
}) {}

// Sound inputs.

export class AudioProgramMissing extends failure("audio_program_missing", {
  what: "A program that a sound input or output needs is not there.",
  means: "No card can be read from that input; the daemon keeps trying.",
  todo: "Install what the detail names: arecord and aplay are in alsa-utils, pactl in pulseaudio-utils, pulse: inputs are in libasound2-plugins.",
}) {}

export class AudioDeviceMissing extends failure("audio_device_missing", {
  what: "There is no sound input or output of that name.",
  means: "No card can be read from it; the daemon keeps trying.",
  todo: "Plug it in, or take its name from `arecord -L`, `aplay -L` or `pactl list short sources` and `sinks`.",
}) {}

export class AudioDeviceBusy extends failure("audio_device_busy", {
  what: "Another program holds the sound input or output.",
  means: "No card can be read from it; the daemon keeps trying.",
  todo: "End that program. Where PulseAudio runs, name it as pulse: in place of hw:.",
}) {}

export class AudioDeviceForbidden extends failure("audio_device_forbidden", {
  what: "The daemon's user may not use the sound input or output.",
  means: "No card can be read from it; the daemon keeps trying.",
  todo: "Put that user into the group audio, or let it use the sound server's socket, and start the daemon again.",
}) {}

export class AudioFormatRefused extends failure("audio_format_refused", {
  what: "The sound input or output has not this rate, or not so many channels.",
  means: "No card can be read from it; the daemon keeps trying.",
  todo: "Set sampleRate and channels to what `arecord --dump-hw-params` shows, or name it as plughw: in place of hw:.",
}) {}

export class AudioServerUnreachable extends failure("audio_server_unreachable", {
  what: "The sound server cannot be reached.",
  means: "No card can be read through it; the daemon keeps trying.",
  todo: "See that PulseAudio runs for the daemon's user, or that PULSE_SERVER names its socket.",
}) {}

export class AudioCaptureFailed extends failure("audio_capture_failed", {
  what: "The recording from a sound input ended, or brought no samples.",
  means: "No card can be read from it; the daemon keeps trying.",
  todo: "Run arecord on that input by hand: it says more.",
}) {}

export class AudioPlaybackFailed extends failure("audio_playback_failed", {
  what: "The playing at a sound output ended.",
  means: "The reader behind it is neither fed nor armed; the daemon keeps trying.",
  todo: "Run aplay on that output by hand: it says more.",
}) {}

export class AudioInputClipping extends failure("audio_input_clipping", {
  what: "A swipe was too loud for the sound input: its peaks are cut off.",
  means: "Swipes are read worse than they could be, or not at all.",
  todo: "Lower the input's gain by what the detail says, and turn its automatic gain off.",
}) {}

export class AudioInputWeak extends failure("audio_input_weak", {
  what: "A swipe was very faint at the sound input.",
  means: "Slow swipes may be lost in its noise.",
  todo: "Raise the input's gain by what the detail says; if there is no more, clean the head and check the plug.",
}) {}

export class AudioInputSilent extends failure("audio_input_silent", {
  what: "A sound input gives nothing at all, not even noise.",
  means: "It is muted, or nothing feeds it: no card can be read.",
  todo: "Unmute it (`alsamixer`, key F4, or `pactl set-source-mute <source> 0`).",
}) {}

export class AudioInputStrange extends failure("audio_input_strange", {
  what: "A sound input brings one sound after another that is no card.",
  means: "It may be a microphone, or the head's cable picks up what runs beside it. Cards are still read.",
  todo: "Look whether the configured source is the one that the head is plugged into (`arecord -L`, `pactl list sources`).",
}) {}

// The terminal's session.

export class SessionCommandOutOfStep extends failure("session_command_out_of_step", {
  what: "The session is not at the step that this command belongs to.",
  means: "Nothing was changed.",
  todo: "Look at the session as it is now, and go on from there.",
}) {}

export class SessionPhoneMissing extends failure("session_phone_missing", {
  what: "A card with a PIN needs a phone number to ask for the PIN on.",
  means: "Nothing was sent.",
  todo: "Enter the number of a phone that is at hand.",
}) {}

export class SessionSwipeNotExpected extends failure("session_swipe_not_expected", {
  what: "A card was swiped when no card was asked for.",
  means: "That swipe was thrown away; it charges nothing.",
  todo: "Follow the screen: it says when to swipe.",
}) {}

export class SessionTimedOut extends failure("session_timed_out", {
  what: "The terminal waited too long for the next step.",
  means: "What had been entered was forgotten. Nothing was charged.",
  todo: "Enter the code again to pay.",
}) {}

export class SessionCancelled extends failure("session_cancelled", {
  what: "The payment was cancelled before it left the terminal.",
  means: "Nothing was charged.",
  todo: "Enter the code again to pay.",
}) {}

export class SessionShutOut extends failure("session_shut_out", {
  what: "This terminal was shut out while a payment was under way.",
  means: "What became of the payment is not known here: the card may have been charged.",
  todo: "Ask the merchant before paying again. If the terminal is trusted again, enrol it anew.",
}) {}

export class SessionSealingFailed extends failure("session_sealing_failed", {
  what: "The terminal could not seal the swipe.",
  means: "Nothing was sent and nothing was charged.",
  todo: "Swipe again. If it repeats, enrol the terminal anew.",
}) {}

// The link to the gateway.

export class UplinkNotSent extends failure("uplink_not_sent", {
  what: "The gateway could not be reached, and nothing left the terminal.",
  means: "Nothing was charged.",
  todo: "Try again when the terminal shows that the gateway is within reach.",
}) {}

export class UplinkUnanswered extends failure("uplink_unanswered", {
  what: "The gateway did not answer.",
  means: "The order was not found in time. Nothing was charged.",
  todo: "Try again in a moment.",
}) {}

export class UplinkMessageExpired extends failure("uplink_message_expired", {
  what: "A message from the gateway came after its time.",
  means: "It was dropped.",
  todo: "If it repeats, compare the clocks of terminal and gateway.",
}) {}

export class UplinkClockOff extends failure("uplink_clock_off", {
  what: "This machine's clock and the gateway's are more than half a minute apart.",
  means: "One refuses what the other sends, payments too, or is about to.",
  todo: "Have a time service keep this machine's clock (timedatectl set-ntp true); if it is right, tell the gateway's people.",
}) {}

export class UplinkBrokerUnreachable extends failure("uplink_broker_unreachable", {
  what: "The MQTT broker cannot be reached.",
  means: "No payment can begin; the daemon keeps trying.",
  todo: "Check the network, and that the broker runs.",
}) {}

export class UplinkBrokerRefused extends failure("uplink_broker_refused", {
  what: "The MQTT broker refuses this terminal's name and password.",
  means: "No payment can begin; the daemon keeps trying.",
  todo: "If the terminal was revoked or its gateway set up anew, enrol it again.",
}) {}

export class UplinkBrokerUntrusted extends failure("uplink_broker_untrusted", {
  what: "The MQTT broker's certificate is not to be believed.",
  means: "Nothing was sent to it. The cause says why: another authority's, another name, or out of date.",
  todo: "Run swipewire-daemon doctor. If the gateway's key store was made anew, enrol the terminal anew; if the clock is wrong, set it.",
}) {}

export class UplinkCertificateRefused extends failure("uplink_certificate_refused", {
  what: "The MQTT broker does not take this terminal's certificate.",
  means: "The terminal is not connected. It was revoked, or its certificate has expired.",
  todo: "Run swipewire-daemon doctor. If the certificate is good, the terminal was revoked: enrol it anew if it is trusted.",
}) {}

export class UplinkSubscriptionRefused extends failure("uplink_subscription_refused", {
  what: "The MQTT broker does not let this terminal read its own topics.",
  means: "No payment can begin; the daemon keeps trying.",
  todo: "Check the broker's access list.",
}) {}

// The local API.

export class LocalHostRefused extends failure("local_host_refused", {
  what: "A local request does not name this daemon's own address as its host.",
  means: "It was refused: a web page may be trying to reach the terminal under a name of its own.",
  todo: "Use the address that the daemon printed when it started.",
}) {}

export class LocalOriginRefused extends failure("local_origin_refused", {
  what: "A local request comes from a web page that the daemon's config does not allow.",
  means: "It was refused.",
  todo: "If the page is yours, add its origin to localApi.allowedOrigins.",
}) {}

export class LocalTokenWrong extends failure("local_token_wrong", {
  what: "A local request carries no pairing token, or not this daemon's.",
  means: "It was refused.",
  todo: "Pair the page again with the token in the daemon's state folder.",
}) {}

export class LocalNotFound extends failure("local_not_found", {
  what: "The local API has no such address.",
  means: "Nothing was done.",
  todo: "Look the address up in the documentation.",
}) {}

export class LocalRequestMalformed extends failure("local_request_malformed", {
  what: "A local request is not one that the API takes.",
  means: "Nothing was done.",
  todo: "Send JSON of the documented form with its media type, application/json.",
}) {}

export class LocalFault extends failure("local_fault", {
  what: "The daemon failed over a local request.",
  means: "This is a fault in the program.",
  todo: "Report it with the log around it.",
}) {}

export class LocalApiNotListening extends failure("local_api_not_listening", {
  what: "The local API could not listen on its port.",
  means: "The daemon did not start.",
  todo: "See whether another daemon runs, or choose another localApi.port.",
}) {}

export class DaemonNotRunning extends failure("daemon_not_running", {
  what: "No daemon answers on this machine.",
  means: "Readers and session are looked after by nobody.",
  todo: "Start it (systemctl start swipewire-daemon, or swipewire-daemon run with this config) and read its log.",
}) {}

export class DaemonRunning extends failure("daemon_running", {
  what: "The daemon runs, and has the readers.",
  means: "No card can be taken beside it.",
  todo: "Stop it for the check (systemctl stop swipewire-daemon), and start it again after.",
}) {}

export class CardNotDrawn extends failure("card_not_drawn", {
  what: "No card was read in the time given.",
  means: "Nothing is known of the reader beyond what was said above.",
  todo: "See that a reader is connected (swipewire-daemon doctor), and draw the card evenly, stripe towards the head.",
}) {}

export class CaptureCardRefused extends failure("capture_card_refused", {
  what: "The card that was drawn is no published test card.",
  means: "What the reader sent was wiped, and no file was written. Nothing of the card is kept.",
  todo: "Draw a card with one of the test numbers (protocol/card/test-numbers.ts).",
}) {}

export class CaptureCardHidden extends failure("capture_card_hidden", {
  what: "The reader encrypts, and does not show enough of the card's number to tell a test card.",
  means: "What the reader sent was wiped, and no file was written.",
  todo: "Have the reader show the first and last four digits at least (MagTek: its ISO track mask), and draw a test card.",
}) {}

export class CaptureUnread extends failure("capture_unread", {
  what: "Not all that the reader sent could be read, so nobody can tell whose card it is.",
  means: "It was wiped, and no file was written.",
  todo: "Draw the test card again. To keep what cannot be read, give --unread: it is kept where it holds no number but a test card's. Sound that cannot be read is never kept.",
}) {}

export class CaptureNumberFound extends failure("capture_number_found", {
  what: "Among what could not be read there may be a card's number, and none of the test numbers.",
  means: "What the reader sent was wiped, and no file was written.",
  todo: "Draw a test card and nothing else, and type nothing meanwhile. If it repeats, send the device's details without a capture.",
}) {}

export class CaptureFileUnwritable extends failure("capture_file_unwritable", {
  what: "The capture's file could not be written.",
  means: "No capture was kept.",
  todo: "Name a file that does not exist yet, in a folder that this user may write.",
}) {}

export class CaptureFileUnreadable extends failure("capture_file_unreadable", {
  what: "The file is no capture that can be read.",
  means: "Nothing was decoded.",
  todo: "Give a file that swipewire-daemon capture wrote.",
}) {}

export class LocalApiOutOfReach extends failure("local_api_out_of_reach", {
  what: "The config lets the daemon choose its port, so nobody else knows it.",
  means: "It cannot be asked how it stands.",
  todo: "Give localApi.port a number. The daemon's log names the port it chose.",
}) {}

export class LocalApiRefused extends failure("local_api_refused", {
  what: "The daemon's local API did not answer as it should.",
  means: "How the terminal stands is not known.",
  todo: "See that stateDir and localApi.port are those that the daemon runs with, and that its version is this one's.",
}) {}

export class ServiceManagerDeaf extends failure("service_manager_deaf", {
  what: "The service manager that started the daemon could not be told how it stands.",
  means: "It may take the daemon for one that hangs, and restart it.",
  todo: "See that systemd-notify is installed, and that the unit has NotifyAccess=all.",
}) {}

// Config, state and enrolment.

export class ConfigInvalid extends failure("config_invalid", {
  what: "The daemon's config is wrong.",
  means: "The daemon did not start.",
  todo: "Correct what is named, and start it again.",
}) {
  /** One line each: file or variable, field, what was given, what is allowed. */
  readonly problems: readonly string[];

  constructor({ problems = [], ...options }: FailureOptions & { readonly problems?: readonly string[] } = {}) {
    super(options);
    this.problems = problems;
  }
}

export class StateFileExposed extends failure("state_file_exposed", {
  what: "A secret file of the daemon can be read by others on this machine.",
  means: "Its secret may be known to them, so it was not used.",
  todo: "Enrol the terminal again if others had access; otherwise set the file's mode to 0600.",
}) {}

export class StateFileInvalid extends failure("state_file_invalid", {
  what: "A file in the daemon's state folder does not hold what it should.",
  means: "It was not used.",
  todo: "Restore it from where it was changed, or enrol the terminal again.",
}) {}

export class StateFolderUnusable extends failure("state_folder_unusable", {
  what: "The daemon's state folder cannot be read or written.",
  means: "The daemon cannot keep its identity there.",
  todo: "Run this as the daemon's user, or make the folder belong to it; on a full disk (ENOSPC) make room; or set stateDir to another folder.",
}) {}

export class IdentityMissing extends failure("identity_missing", {
  what: "This terminal is not enrolled.",
  means: "It has no identity to speak to a gateway with.",
  todo: "Run `swipewire-daemon enrol` with a token from the gateway.",
}) {}

export class TokenKeyUnusable extends failure("token_key_unusable", {
  what: "The terminal's key can't be made or used in its PKCS#11 token.",
  means: "The terminal gets no certificate.",
  todo: "Check certificateKey in the config, that the token is there, and that opensc and libengine-pkcs11-openssl are installed.",
}) {}

export class EnrolmentAddressRefused extends failure("enrolment_address_refused", {
  what: "The gateway's address is not an https address.",
  means:
    "Nothing was sent: the reply holds a password. Plain http is taken on this machine only (127.0.0.1, localhost).",
  todo: "Give the gateway's https address.",
}) {}

export class EnrolmentUnreachable extends failure("enrolment_unreachable", {
  what: "The gateway could not be reached.",
  means: "The terminal is not enrolled; the token may still be good.",
  todo: "Check the address and the network, and try again.",
}) {}

export class EnrolmentRefused extends failure("enrolment_refused", {
  what: "The gateway refused to enrol this terminal.",
  means: "The terminal is not enrolled. The detail is the gateway's own code.",
  todo: "Ask for a new token: each is good for one terminal and a limited time.",
}) {}

export class EnrolmentReplyInvalid extends failure("enrolment_reply_invalid", {
  what: "The gateway's reply to the enrolment is not one.",
  means: "The terminal is not enrolled, and the token may be used up.",
  todo: "Check that the address is a Swipewire gateway of the same release, and ask for a new token.",
}) {}
