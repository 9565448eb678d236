import { TreePage } from './treePage.mjs'

/** @typedef {import('playwright-core').Browser} Browser */

const FACTORIES = [
  { name: 'Assembly line', lower: 1, upper: 100, count: 12 },
  { name: 'Bakery', lower: -50, upper: 50, count: 9 },
  { name: 'Lighthouse', lower: 0, upper: 1_000_000, count: 6 },
  { name: 'Night shift', lower: 1, upper: 6, count: 15 },
  { name: 'Storeroom', lower: 5, upper: 5, count: 0 },
  { name: 'Windmill', lower: 1, upper: 1_000, count: 8 },
]

/**
 * Takes the picture of the page for the README, and leaves nothing behind.
 *
 * @param {Browser} browser @param {string} url @param {string} path
 */
export async function takePicture(browser, url, path) {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 800 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
  })
  const page = new TreePage('picture', await context.newPage())
  await page.open(url)
  for (const factory of FACTORIES) {
    await page.create(factory)
    await page.entry(factory.name).locator('.node:not([aria-busy])').waitFor()
  }
  // One whose numbers have fallen outside of its bounds, as the page marks them.
  await page.typeBounds('Assembly line', 1, 60)
  await page.save()
  await page.reload()
  await page.page.screenshot({ path })
  await page.removeCreated()
  await context.close()
  console.log(`picture ${path}`)
}
