/** Messages over WebSocket for a server of `node:http`, as far as the page's tests need them (RFC 6455). */
import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'

/** What every server adds to the client's key. */
const ACCEPT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TEXT = 0x1
const BINARY = 0x2
const CLOSE = 0x8

/**
 * Accepts a connection.
 *
 * @param {import('node:http').IncomingMessage} request @param {import('node:stream').Duplex} socket
 * @param {(text: string) => void} onText
 * @param {string} [protocol] the one that is chosen of those which the client proposed
 * @returns {{ send(text: string): void, sendCompressed(text: string): void, close(): void }}
 */
export function accept(request, socket, onText, protocol) {
  const key = String(request.headers['sec-websocket-key'])
  const answer = createHash('sha1')
    .update(key + ACCEPT)
    .digest('base64')
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      (protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : '') +
      `Sec-WebSocket-Accept: ${answer}\r\n\r\n`,
  )
  let waiting = Buffer.alloc(0)
  socket.on('data', (data) => {
    waiting = Buffer.concat([waiting, data])
    for (let frame = read(waiting); frame; frame = read(waiting)) {
      waiting = waiting.subarray(frame.size)
      if (frame.kind === TEXT) {
        onText(frame.payload.toString())
      } else if (frame.kind === CLOSE) {
        socket.end()
      }
    }
  })
  socket.on('error', () => socket.destroy())
  return {
    send: (text) => void socket.write(write(TEXT, Buffer.from(text))),
    sendCompressed: (text) => void socket.write(write(BINARY, deflateSync(text))),
    close: () => void socket.destroy(),
  }
}

/** Reads one frame of a client, whose frames are masked; nothing while it is not complete. @param {Buffer} data */
function read(data) {
  const short = (data[1] ?? 0) & 0x7f
  const header = short === 127 ? 14 : short === 126 ? 8 : 6
  if (data.length < header) {
    return undefined
  }
  const length =
    short === 127 ? Number(data.readBigUInt64BE(2)) : short === 126 ? data.readUInt16BE(2) : short
  if (data.length < header + length) {
    return undefined
  }
  const mask = data.subarray(header - 4, header)
  const payload = Buffer.from(data.subarray(header, header + length))
  payload.forEach((byte, index) => (payload[index] = byte ^ (mask[index % 4] ?? 0)))
  return { kind: (data[0] ?? 0) & 0xf, payload, size: header + length }
}

/** Writes one frame. @param {number} kind @param {Buffer} payload */
function write(kind, payload) {
  const { length } = payload
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  header[0] = 0x80 | kind
  header[1] = length < 126 ? length : length < 65_536 ? 126 : 127
  if (length >= 65_536) {
    header.writeBigUInt64BE(BigInt(length), 2)
  } else if (length >= 126) {
    header.writeUInt16BE(length, 2)
  }
  return Buffer.concat([header, payload])
}
