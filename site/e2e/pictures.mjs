/**
 * Takes a picture of every state of the page, on a stage of one process, where a state is made at will.
 *
 * In: the built site (`npm run build`, or the folder DIST). Out: the pictures in `docs/page/`, and a line for each.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { launchBrowser } from './browser.mjs'
import { FakeStage, manyFactory } from './fake/stage.mjs'
import { TreePage } from './treePage.mjs'

/** @typedef {import('playwright-core').BrowserContextOptions} ContextOptions */

const DIST = process.env['DIST'] ?? fileURLToPath(new URL('../dist', import.meta.url))
const FOLDER = fileURLToPath(new URL('../../docs/page', import.meta.url))
const DESK = { viewport: { width: 1200, height: 700 } }
/** @type {[string, number, number, number[]][]} */
const FACTORIES = [
  ['Assembly line', 1, 60, [12, 88, 3, 41, 97, 23, 54, 6, 71, 19, 33, 60]],
  ['Bakery', -50, 50, [-3, 44, 12, -50, 0]],
  ['Lighthouse', 0, 1_000_000, [884_213, 12, 400_123, 999_999]],
  ['Night shift', 1, 6, [1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1, 1, 2, 3]],
  ['Storeroom', 5, 5, []],
  ['Windmill', -1_000_000_000, 1_000_000_000, [-999_999_999, 123_456_789]],
  ['مصنع', 1, 9, [4, 5]],
]
const stage = new FakeStage(DIST)
const url = await stage.start()
const browser = await launchBrowser()
mkdirSync(FOLDER, { recursive: true })

/**
 * @param {string} name @param {ContextOptions} options
 * @param {(tree: TreePage) => Promise<void>} [show] brings the page into the state
 */
async function take(name, options = {}, show = (tree) => tree.waitUntilLive()) {
  const context = await browser.newContext({ ...DESK, reducedMotion: 'reduce', ...options })
  const tree = new TreePage(name, await context.newPage())
  await tree.page.goto(url)
  await show(tree)
  await tree.page.screenshot({ path: join(FOLDER, `${name}.png`) })
  await context.close()
  console.log(`picture ${name}`)
}

/** @param {() => void} change @param {() => void} undo @param {() => Promise<void>} act */
async function during(change, undo, act) {
  change()
  await act()
  undo()
}

await take('empty')
await during(
  () => (stage.tellsTree = false),
  () => (stage.tellsTree = true),
  () => take('loading', {}, ({ page }) => page.getByText('Loading the tree…').waitFor()),
)
await during(
  () => (stage.isUp = false),
  () => (stage.isUp = true),
  () => take('unreachable', {}, ({ page }) => page.getByText('cannot be reached').waitFor()),
)
FACTORIES.forEach(([name, lower, upper, numbers], index) =>
  stage.put({ id: manyFactory(index).id, name, lower, upper, numbers }),
)
await take('light')
await take('dark', { colorScheme: 'dark' })
await take('forced-colours', { forcedColors: 'active' })
await take('wide', { viewport: { width: 2560, height: 900 } })
const phone = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true }
await take('narrow', phone)
await take('narrow-actions', phone, async (tree) => {
  await tree.waitUntilLive()
  await tree.entry('Bakery').locator('.more').click()
})
await take('expanded', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.press('Expand all')
})
await take('under-the-pointer', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.entry('Lighthouse').locator('.line').hover()
})
await take('selected', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree
    .entry('Bakery')
    .locator('.line')
    .click({ modifiers: ['Control'] })
  await tree
    .entry('Night shift')
    .locator('.line')
    .click({ modifiers: ['Shift'] })
})
await take('filtered-to-nothing', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.page.getByLabel('Filter by name').fill('foundry')
})
await take('errors', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.create({ name: '', lower: 7, upper: 2_000_000_000, count: 16 })
  await tree.typeBounds('Bakery', 80, 50)
  await pause(700)
})
await take('conflict', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.typeBounds('Bakery', -20, 50)
  stage.nextAnswers.push({
    status: 412,
    body: {
      factory: {
        ...manyFactory(1),
        name: 'Bakery',
        numbers: FACTORIES[1]?.[3],
        lower: -80,
        upper: 90,
        revision: 9,
      },
    },
  })
  await tree.save()
  await tree.page.getByText('Somebody else changed').waitFor()
})
await take('removed-by-others', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.typeName('Lighthouse', 'Light tower')
  stage.remove(manyFactory(2).id)
  await tree.page.getByText('Somebody removed').waitFor()
})
stage.put({ id: manyFactory(2).id })
await take('undo', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.remove('Storeroom')
  await tree.page.getByText('Removed “').first().waitFor()
})
stage.put({ id: manyFactory(4).id })
await take('offline', {}, async (tree) => {
  await tree.waitUntilLive()
  await tree.page.context().setOffline(true)
  stage.hangUp()
  await tree.page.locator('[role=status]', { hasText: 'Offline' }).waitFor({ timeout: 15_000 })
})
await take('not-found', {}, async ({ page }) => {
  await page.goto(new URL('/no/such/path', url).href)
})
await browser.close()
stage.stop()
