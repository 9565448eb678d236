/**
 * The story of the site, told in a real browser by two people, A and B, who share no storage.
 *
 * In: SITE_URL; CHROMIUM and ARTIFACTS where wanted. Out: one line per step, a summary, and
 * status 1 when a step failed. Leaves no factory behind.
 */
import { randomBytes } from 'node:crypto'

import { launchBrowser } from './browser.mjs'
import { Report } from './report.mjs'
import { showAccessibility, showKeyboard } from './steps/accessibility.mjs'
import { showLiveChanges, showNamesAsText, showReload } from './steps/live.mjs'
import { showPolicy } from './steps/policy.mjs'
import {
  showConflict,
  showNothingLost,
  showOrphan,
  showQuiet,
  showReturn,
} from './steps/trouble.mjs'
import { TreePage } from './treePage.mjs'

/** A step that hangs fails by then. */
const STEP_MS = 60_000

const { SITE_URL } = process.env
if (!SITE_URL) {
  console.error(
    'SITE_URL is not set: name the address of the site, like http://factory-tree.localhost:4566',
  )
  process.exit(2)
}
const browser = await launchBrowser()
try {
  process.exitCode = await tellStory(SITE_URL)
} finally {
  await browser.close()
}

/** @param {string} label */
async function openPage(label) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } })
  context.setDefaultTimeout(STEP_MS)
  return new TreePage(label, await context.newPage())
}

/** @param {string} url */
async function tellStory(url) {
  const [a, b] = [await openPage('A'), await openPage('B')]
  const report = new Report([a, b])
  // Apart from the factories of others, and of stories told at the same time.
  const tag = randomBytes(3).toString('hex')
  await report.step('both browsers open the page, which goes live', async () => {
    await Promise.all([a.open(url), b.open(url)])
  })
  await showLiveChanges(report, a, b, tag)
  await showNamesAsText(report, a, b)
  await showReload(report, a, b)
  await showKeyboard(report, a, b, tag)
  await showConflict(report, a, b, tag)
  await showOrphan(report, a, b, tag)
  await showNothingLost(report, a, b, tag)
  await showReturn(report, a, b, tag)
  await showPolicy(report, a, url)
  await showAccessibility(report, a, tag)
  await showQuiet(report, [a, b])
  await report.step('nothing of the story stays behind', async () => {
    await Promise.all([a.removeCreated(), b.removeCreated()])
    await b.page.getByText(tag).first().waitFor({ state: 'detached' })
  })
  report.summarise()
  return report.failed > 0 ? 1 : 0
}
