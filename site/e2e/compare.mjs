/** Pictures, compared by the browser itself: it can read them, and Node.js cannot. */

/** @typedef {import('playwright-core').Page} Page */

/** Two pixels that differ by no more in any colour (of 255) are the same: anti-aliasing is not of one mind. */
const SAME = 48

/**
 * Returns the share of pixels that differ; 1 where the sizes do.
 *
 * @param {Page} page without a policy against pictures @param {Buffer} one @param {Buffer} other
 */
export async function difference(page, one, other) {
  return page.evaluate(
    async ([same, ...pictures]) => {
      const read = async (/** @type {string} */ base64) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')
        context?.drawImage(bitmap, 0, 0)
        return context?.getImageData(0, 0, bitmap.width, bitmap.height)
      }
      const [first, second] = await Promise.all(pictures.map(read))
      if (!first || !second || first.width !== second.width || first.height !== second.height) {
        return 1
      }
      let differing = 0
      for (let at = 0; at < first.data.length; at += 4) {
        const isSame = [0, 1, 2].every(
          (colour) =>
            Math.abs((first.data[at + colour] ?? 0) - (second.data[at + colour] ?? 0)) <= same,
        )
        differing += isSame ? 0 : 1
      }
      return differing / (first.data.length / 4)
    },
    /** @type {[number, string, string]} */ ([
      SAME,
      one.toString('base64'),
      other.toString('base64'),
    ]),
  )
}

/**
 * Returns the width of a text in the page's font: it tells one set of fonts from another, and pictures of two sets cannot
 * be compared.
 *
 * @param {Page} page
 */
export function textWidth(page) {
  return page.evaluate(() => {
    const context = new OffscreenCanvas(1, 1).getContext('2d')
    if (!context) {
      return 0
    }
    context.font = '16px system-ui'
    return Math.round(context.measureText('Factory tree 0123456789 مصنع').width * 100) / 100
  })
}
