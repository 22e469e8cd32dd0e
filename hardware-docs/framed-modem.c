/*
 * Swipewire's framed modem for a microcontroller: a timer and a pin send, a timer and a comparator receive.
 * framed-modem.md specifies it. C99, no allocation, no floating point.
 */
#include <stddef.h>
#include <stdint.h>

enum {
    MODEM_LONGEST = 1024, MODEM_CRC = 4,
    MODEM_HEADER = 4, MODEM_HEADER_CHECKS = 8,          /* sent as 12 bytes */
    MODEM_BLOCK = 239, MODEM_BLOCK_CHECKS = 16,         /* of the body */
    MODEM_BLOCKS = (MODEM_LONGEST + MODEM_CRC + MODEM_BLOCK - 1) / MODEM_BLOCK
};

static const uint32_t MODEM_PREAMBLE = 0x55555555, MODEM_SYNC = 0xff744ac1;

/* IEEE 802.3, a bit at a time; many microcontrollers have it in hardware. Begin with 0. */
static uint32_t modem_crc(uint32_t crc, const uint8_t *bytes, size_t length)
{
    crc = ~crc;
    while (length--) {
        crc ^= *bytes++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
    return ~crc;
}

/* ---- Sending ---- */

/* Generators of Reed and Solomon's code, highest coefficient (1) left out. */
static const uint8_t MODEM_HEADER_GENERATOR[MODEM_HEADER_CHECKS] = { 255, 11, 81, 54, 239, 173, 200, 24 };
static const uint8_t MODEM_BLOCK_GENERATOR[MODEM_BLOCK_CHECKS] = {
    59, 13, 104, 189, 68, 209, 30, 8, 163, 65, 41, 229, 98, 50, 36, 59
};

static uint8_t modem_times(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    for (; b; b >>= 1, a = (uint8_t)(a & 0x80 ? a << 1 ^ 0x1d : a << 1))
        if (b & 1)
            product ^= a;
    return product;
}

/* Takes one more byte into the check bytes. */
static void modem_check(uint8_t *checks, const uint8_t *generator, int count, uint8_t byte)
{
    uint8_t factor = byte ^ checks[0];
    for (int n = 0; n < count; n++)
        checks[n] = (uint8_t)((n + 1 < count ? checks[n + 1] : 0) ^ modem_times(factor, generator[n]));
}

/* Called for each half wave: hold the pin for half a bit, or for a third of one if `is_third`, then toggle it. */
typedef void modem_half_wave(int is_third);

static void modem_send_symbols(uint32_t symbols, int count, modem_half_wave *half_wave)
{
    while (count--) {
        int one = symbols >> count & 1;
        for (int half = 0; half < (one ? 3 : 2); half++)
            half_wave(one);
    }
}

/* Bits behind the sync word: a symbol tells whether a bit is another than the one before. */
static void modem_send_byte(uint8_t byte, int *before, modem_half_wave *half_wave)
{
    for (int n = 7; n >= 0; n--) {
        int bit = byte >> n & 1;
        modem_send_symbols((uint32_t)(bit ^ *before), 1, half_wave);
        *before = bit;
    }
}

void modem_send(uint8_t kind, const uint8_t *payload, uint16_t length, modem_half_wave *half_wave)
{
    uint8_t header[MODEM_HEADER] = { kind, (uint8_t)(length >> 8), (uint8_t)length };
    uint8_t header_checks[MODEM_HEADER_CHECKS] = { 0 };
    uint8_t checks[MODEM_BLOCKS][MODEM_BLOCK_CHECKS] = { { 0 } };
    uint16_t body = (uint16_t)(length + MODEM_CRC), blocks = (uint16_t)((body + MODEM_BLOCK - 1) / MODEM_BLOCK);

    header[3] = (uint8_t)modem_crc(0, header, 3);
    uint32_t crc = modem_crc(modem_crc(0, header, MODEM_HEADER), payload, length);

    int before = 0;
    modem_send_symbols(MODEM_PREAMBLE, 32, half_wave);
    modem_send_symbols(MODEM_SYNC, 32, half_wave);
    for (int n = 0; n < MODEM_HEADER; n++) {
        modem_check(header_checks, MODEM_HEADER_GENERATOR, MODEM_HEADER_CHECKS, header[n]);
        modem_send_byte(header[n], &before, half_wave);
    }
    for (int n = 0; n < MODEM_HEADER_CHECKS; n++)
        modem_send_byte(header_checks[n], &before, half_wave);
    for (uint16_t n = 0; n < body; n++) {
        uint8_t byte = n < length ? payload[n] : (uint8_t)(crc >> 8 * (body - 1 - n));
        modem_check(checks[n % blocks], MODEM_BLOCK_GENERATOR, MODEM_BLOCK_CHECKS, byte);
        modem_send_byte(byte, &before, half_wave);
    }
    for (int n = 0; n < MODEM_BLOCK_CHECKS; n++)
        for (uint16_t block = 0; block < blocks; block++)
            modem_send_byte(checks[block][n], &before, half_wave);
    modem_send_symbols(0, 4, half_wave);
}

/* ---- Receiving ---- */

/* All zeros to begin with. Host frames are short: make the frame as long as the longest that is awaited. */
struct modem_ear {
    uint32_t bits;              /* the last 32; ahead of a frame, symbols */
    uint8_t halves;             /* of the bit that is being heard */
    uint8_t was_third;
    uint8_t in_frame;
    uint16_t count;             /* bits of the byte, then bytes of the frame */
    uint16_t at;
    uint8_t frame[MODEM_HEADER + MODEM_HEADER_CHECKS + MODEM_LONGEST + MODEM_CRC];
};

/* A symbol. Returns the length of the frame's payload when it is whole, else -1. */
static int modem_symbol(struct modem_ear *ear, int symbol)
{
    uint32_t before = ear->in_frame ? ear->bits & 1 : 0;
    ear->bits = ear->bits << 1 | (before ^ (uint32_t)symbol);
    if (!ear->in_frame) {
        if (ear->bits == MODEM_SYNC) {
            ear->in_frame = 1;
            ear->count = ear->at = 0;
            ear->bits = 0;
        }
        return -1;
    }
    if (++ear->count < 8)
        return -1;
    ear->count = 0;
    ear->frame[ear->at++] = (uint8_t)ear->bits;
    const int body = MODEM_HEADER + MODEM_HEADER_CHECKS;
    uint16_t length = (uint16_t)(ear->frame[1] << 8 | ear->frame[2]);
    if (ear->at == MODEM_HEADER && (length > MODEM_LONGEST || (uint8_t)modem_crc(0, ear->frame, 3) != ear->frame[3]))
        ear->in_frame = 0;
    if (ear->at < body + MODEM_CRC || ear->at < body + length + MODEM_CRC)
        return -1;
    /* Whole. The check bytes that follow are passed over: a host asks again if nothing answers. */
    ear->in_frame = 0;
    return modem_crc(modem_crc(0, ear->frame, MODEM_HEADER), ear->frame + body, length) == ear->bits ? length : -1;
}

/*
 * For each edge of the comparator: time since the one before, and length of a bit, in ticks of the same timer.
 * Returns the length of a payload when a whole frame was heard (kind in frame[0], payload from frame[12]), else -1.
 */
int modem_edge(struct modem_ear *ear, uint32_t ticks, uint32_t bit_ticks)
{
    if (ticks * 4 < bit_ticks || ticks * 3 > bit_ticks * 2) {   /* neither tone */
        ear->halves = ear->in_frame = 0;
        return -1;
    }
    uint8_t is_third = ticks * 12 < bit_ticks * 5;
    if (is_third != ear->was_third)                             /* tones change where bits meet, and only there */
        ear->halves = 0;
    ear->was_third = is_third;
    if (++ear->halves < (is_third ? 3 : 2))
        return -1;
    ear->halves = 0;
    return modem_symbol(ear, is_third);
}
