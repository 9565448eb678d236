import assert from 'node:assert/strict'

/** @typedef {import('../treePage.mjs').TreePage} TreePage */
/** @typedef {import('../report.mjs').Report} Report */

/**
 * What the site answers beyond its page: an error of its own, and a policy that lets no text become markup.
 *
 * @param {Report} report @param {TreePage} a @param {string} url
 */
export async function showPolicy(report, a, url) {
  await report.step('an unknown path gets a page of ours, with its status', async () => {
    const page = await a.page.context().newPage()
    const answer = await page.goto(new URL('/no/such/path', url).href)
    assert.equal(answer?.status(), 404)
    await page.getByRole('heading', { name: 'There is nothing at this address' }).waitFor()
    await page.getByRole('link', { name: 'Go to the factory tree' }).click()
    await page.getByRole('tree').waitFor()
    await page.close()
  })
  await report.step('no text becomes markup: the browser refuses it', async () => {
    const refused = await a.page.evaluate(() => {
      try {
        document.createElement('p').innerHTML = '<b>markup</b>'
        return false
      } catch {
        return true
      }
    })
    assert.equal(refused, true)
    // The browser tells of the refusal, which was the point.
    a.complaints = a.complaints.filter((text) => !text.includes('TrustedHTML'))
  })
}
