/** Every state of the page, and the way into it on a stage of one process. For pictures, and for what holds in all of them. */
import { setTimeout as pause } from 'node:timers/promises'

import { manyFactory } from './fake/stage.mjs'

/** @typedef {import('playwright-core').BrowserContextOptions} ContextOptions */
/** @typedef {import('./fake/stage.mjs').FakeStage} FakeStage */
/** @typedef {import('./treePage.mjs').TreePage} TreePage */
/**
 * @typedef State
 * @property {string} name of the picture, too
 * @property {ContextOptions} [options] of the browser
 * @property {true} [isLookOnly] another state says all but how it looks
 * @property {(stage: FakeStage) => void} [arrange] makes the stage what it must be before the page comes
 * @property {(tree: TreePage, stage: FakeStage) => Promise<void>} [enter] brings the page into the state; by itself it goes live
 */

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
const [, BAKERY, LIGHTHOUSE] = FACTORIES.map((_, index) => manyFactory(index).id)
export const DESK = /** @type {const} */ ({
  viewport: { width: 1200, height: 700 },
  reducedMotion: 'reduce',
})
const PHONE = { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true }

/** Fills a stage with a tree that shows what there is to show. @param {FakeStage} stage */
export function plant(stage) {
  FACTORIES.forEach(([name, lower, upper, numbers], index) =>
    stage.put({ id: manyFactory(index).id, name, lower, upper, numbers }),
  )
}

/** README's picture: the tree, with the numbers of two factories, and the pointer on one of them. @param {TreePage} tree */
async function enterReadme(tree) {
  await tree.waitUntilLive()
  for (const name of ['Assembly line', 'Lighthouse']) {
    await tree.entry(name).locator('.toggle').click()
  }
  await tree.entry('Lighthouse').locator('.line').hover()
}
/** As high as the rows are. */
const README_SIZE = { width: 1200, height: 476 }

/** A tree that visitors only look at, and of which some was changed by somebody. @param {FakeStage} stage */
function plantWithSignIn(stage) {
  plant(stage)
  stage.hasSignIn = true
  stage.put({ id: LIGHTHOUSE ?? '', changed_by: 'ann' })
}

/** Brings a page into a state. @param {State} state @param {TreePage} tree @param {FakeStage} stage @param {string} url */
export async function enter({ arrange, enter: go }, tree, stage, url) {
  stage.reset()
  ;(arrange ?? plant)(stage)
  await tree.page.goto(url)
  if (go) {
    await go(tree, stage)
  } else {
    await tree.waitUntilLive()
  }
}

/** @type {State[]} */
export const STATES = [
  { name: 'light' },
  { name: 'dark', isLookOnly: true, options: { colorScheme: 'dark' } },
  {
    name: 'readme-light',
    isLookOnly: true,
    options: { viewport: README_SIZE },
    enter: enterReadme,
  },
  {
    name: 'readme-dark',
    isLookOnly: true,
    options: { viewport: README_SIZE, colorScheme: 'dark' },
    enter: enterReadme,
  },
  { name: 'forced-colours', isLookOnly: true, options: { forcedColors: 'active' } },
  { name: 'wide', options: { viewport: { width: 2560, height: 900 } } },
  { name: 'narrow', options: PHONE },
  {
    name: 'narrow-actions',
    options: PHONE,
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.entry('Bakery').locator('.more').click()
    },
  },
  {
    name: 'narrow-bounds',
    options: PHONE,
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.entry('Windmill').locator('.more').click()
      await tree.page
        .getByRole('button', { name: /^Change bounds of/ })
        .last()
        .click()
    },
  },
  {
    name: 'narrow-name',
    options: PHONE,
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.entry('Windmill').locator('.more').click()
      await tree.page
        .getByRole('button', { name: /^Rename/ })
        .last()
        .click()
    },
  },
  { name: 'empty', arrange: () => {} },
  {
    name: 'loading',
    arrange: (stage) => (stage.tellsTree = false),
    enter: ({ page }) => page.getByText('Loading the tree…').waitFor(),
  },
  {
    name: 'unreachable',
    arrange: (stage) => (stage.isUp = false),
    enter: ({ page }) => page.getByText('cannot be reached').waitFor(),
  },
  {
    name: 'expanded',
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.press('Expand all')
    },
  },
  {
    name: 'under-the-pointer',
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.entry('Lighthouse').locator('.line').hover()
    },
  },
  {
    name: 'selected',
    async enter(tree) {
      await tree.waitUntilLive()
      const line = (/** @type {string} */ name) => tree.entry(name).locator('.line')
      await line('Bakery').click({ modifiers: ['Control'] })
      await line('Night shift').click({ modifiers: ['Shift'] })
    },
  },
  {
    name: 'filtered-to-nothing',
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.page.getByLabel('Filter by name').fill('foundry')
    },
  },
  {
    name: 'errors',
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.create({ name: '', lower: 7, upper: 2_000_000_000, count: 16 })
      await tree.typeBounds('Bakery', 80, 50)
      await tree.page.getByText('is above the upper bound').waitFor()
    },
  },
  {
    name: 'creation-failed',
    async enter(tree, stage) {
      await tree.waitUntilLive()
      const detail = 'The tree holds 10 000 factories, and no more fit in.'
      stage.nextAnswers.push({ status: 409, body: { detail } })
      await tree.create({ name: 'Foundry', lower: 1, upper: 100, count: 5 })
      await tree.page.getByText('could not be created').waitFor()
    },
  },
  {
    name: 'conflict',
    async enter(tree, stage) {
      await tree.waitUntilLive()
      await tree.typeBounds('Bakery', -20, 50)
      const factory = { ...stage.factories.get(BAKERY ?? ''), lower: -80, upper: 90, revision: 9 }
      stage.nextAnswers.push({ status: 412, body: { factory } })
      await tree.save()
      await tree.page.getByText('Somebody else changed').waitFor()
    },
  },
  {
    name: 'removed-by-others',
    async enter(tree, stage) {
      await tree.waitUntilLive()
      await tree.typeName('Lighthouse', 'Light tower')
      stage.remove(LIGHTHOUSE ?? '')
      await tree.page.getByText('Somebody removed').waitFor()
    },
  },
  {
    name: 'undo',
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.remove('Storeroom')
      await tree.page.getByText('Removed “').first().waitFor()
      // Stays while a pointer rests on it.
      await tree.page.getByText('Removed “').first().hover()
    },
  },
  {
    name: 'changed-by-others',
    isLookOnly: true,
    async enter(tree, stage) {
      await tree.waitUntilLive()
      // The mark goes after two seconds of the page's own clock, which stands still.
      await tree.page.clock.install()
      await tree.page.clock.pauseAt(Date.now() + 60_000)
      stage.put({ id: LIGHTHOUSE ?? '', numbers: [77, 1_234, 650_000, 9] })
      await pause(300)
      await tree.page.clock.runFor(100)
      await tree.page.locator('.recent').waitFor()
    },
  },
  {
    name: 'visitor',
    arrange: plantWithSignIn,
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.page.getByText('You can look at everything.').waitFor()
    },
  },
  {
    name: 'signed-out',
    arrange: plantWithSignIn,
    async enter(tree, stage) {
      await tree.page.getByRole('button', { name: 'Sign in' }).click()
      await tree.page.getByLabel('User name').fill('ann')
      await tree.page.getByRole('button', { name: 'Continue' }).click()
      await tree.waitUntilLive()
      await tree.page.getByRole('button', { name: 'New factory' }).waitFor()
      await tree.typeName('Bakery', 'Bakehouse')
      stage.provider.endAll()
      await tree.save()
      await tree.page.getByText('What you typed is kept.').waitFor()
      await tree.page.getByText('Your sign-in has ended.').waitFor()
    },
  },
  {
    name: 'new-release',
    async enter(tree, stage) {
      await tree.waitUntilLive()
      stage.build = 'next'
      stage.hangUp()
      await tree.page.getByText('A new version of this page').waitFor()
      await tree.waitUntilLive()
    },
  },
  {
    name: 'offline',
    async enter(tree, stage) {
      await tree.waitUntilLive()
      await tree.page.context().setOffline(true)
      stage.hangUp()
      await tree.page.locator('[role=status]', { hasText: /^Offline$/ }).waitFor()
    },
  },
  {
    name: 'not-found',
    async enter({ page }) {
      await page.goto(new URL('/no/such/path', page.url()).href)
    },
  },
  {
    name: 'print',
    isLookOnly: true,
    async enter(tree) {
      await tree.waitUntilLive()
      await tree.page.emulateMedia({ media: 'print' })
    },
  },
]
