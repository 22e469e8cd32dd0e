/*
 * Swipewire's native frame for a microcontroller, over a serial port of USB (CDC-ACM) or a UART. native-frame.md specifies
 * it. C99, no allocation.
 */
#include <stddef.h>
#include <stdint.h>

enum { NATIVE_LONGEST = 1024, NATIVE_CRC = 4, NATIVE_BLOCK = 254 };

/* IEEE 802.3, a bit at a time; many microcontrollers have it in hardware. Begin with 0. */
static uint32_t native_crc(uint32_t crc, const uint8_t *bytes, size_t length)
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

struct native_content {
    uint8_t kind;
    const uint8_t *payload;
    uint16_t length;
    uint32_t crc;
};

/* Kind, payload and CRC, as one row of bytes. */
static uint8_t native_at(const struct native_content *content, uint16_t at)
{
    if (at == 0)
        return content->kind;
    if (at <= content->length)
        return content->payload[at - 1];
    return (uint8_t)(content->crc >> 8 * (content->length + NATIVE_CRC - at));
}

/* Called for each byte that goes out. */
typedef void native_put(uint8_t byte);

/* At most NATIVE_LONGEST bytes of payload. */
void native_send(uint8_t kind, const uint8_t *payload, uint16_t length, native_put *put)
{
    struct native_content content = { kind, payload, length, native_crc(native_crc(0, &kind, 1), payload, length) };
    uint16_t count = (uint16_t)(1 + length + NATIVE_CRC);
    uint16_t at = 0;
    put(0);
    for (;;) {
        uint16_t end = at;
        while (end < count && end - at < NATIVE_BLOCK && native_at(&content, end) != 0)
            end++;
        int is_full = end - at == NATIVE_BLOCK;
        put((uint8_t)(end - at + 1));
        for (; at < end; at++)
            put(native_at(&content, at));
        if (at == count)
            break;
        if (!is_full)
            at++;                               /* the zero that this block stands for */
    }
    put(0);
}

/* ---- Receiving ---- */

/* All zeros to begin with. Host frames are short: make the frame as long as the longest that is awaited. */
struct native_ear {
    uint8_t code;                               /* of the block that is being heard; 0 ahead of a frame's first */
    uint8_t left;                               /* of its bytes */
    uint8_t is_too_long;
    uint16_t at;
    uint8_t frame[1 + NATIVE_LONGEST + NATIVE_CRC];
};

static void native_take(struct native_ear *ear, uint8_t byte)
{
    if (ear->at < sizeof ear->frame)
        ear->frame[ear->at++] = byte;
    else
        ear->is_too_long = 1;
}

/* For each byte that came in. Returns the length of a payload when a frame is whole (kind in frame[0], payload from frame[1]), else -1. */
int native_byte(struct native_ear *ear, uint8_t byte)
{
    if (byte != 0) {
        if (ear->left != 0) {
            ear->left--;
            native_take(ear, byte);
            return -1;
        }
        if (ear->code != 0 && ear->code != NATIVE_BLOCK + 1)
            native_take(ear, 0);
        ear->code = byte;
        ear->left = (uint8_t)(byte - 1);
        return -1;
    }
    int length = ear->at - 1 - NATIVE_CRC;
    int is_whole = length >= 0 && ear->left == 0 && !ear->is_too_long;
    ear->code = ear->left = ear->is_too_long = 0;
    ear->at = 0;
    if (!is_whole)
        return -1;
    uint32_t crc = native_crc(0, ear->frame, (size_t)length + 1);
    for (int n = 0; n < NATIVE_CRC; n++)
        if (ear->frame[1 + length + n] != (uint8_t)(crc >> 8 * (NATIVE_CRC - 1 - n)))
            return -1;
    return length;
}
