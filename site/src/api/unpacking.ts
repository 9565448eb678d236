/** Every browser that the page is built for can do this (Vite's default target, "Baseline Widely Available"). */
function unpacked(message: Blob): Promise<string> {
  return new Response(message.stream().pipeThrough(new DecompressionStream('deflate'))).text()
}

/**
 * Returns a function that takes a socket's messages and hands on their texts, in their order: those that come behind a
 * compressed one wait until it is unpacked. What cannot be unpacked is an empty text.
 */
export function inOrder(read: (text: string) => void): (message: string | Blob) => void {
  let last: Promise<void> | undefined
  return (message) => {
    const isText = typeof message === 'string'
    if (isText && !last) {
      return read(message)
    }
    const turn = Promise.all([isText ? message : unpacked(message), last])
    last = turn.then(
      ([text]) => read(text),
      () => read(''),
    )
  }
}
