import { existsSync } from 'node:fs'

import { chromium } from 'playwright-core'

const DEBIAN_CHROMIUM = '/usr/bin/chromium'

/**
 * Only what a container and a closed network need. Not the arguments that @sparticuz/chromium proposes:
 * they switch off web security, and with it CORS and part of what this story is about.
 */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the first browser that is there: `CHROMIUM`, Debian's, the one from npm. */
export async function launchBrowser() {
  const executablePath = await findBrowser()
  console.error(`browser ${executablePath}`)
  return chromium.launch({ executablePath, args: ARGUMENTS })
}

async function findBrowser() {
  const { CHROMIUM } = process.env
  if (CHROMIUM) {
    return CHROMIUM
  }
  if (existsSync(DEBIAN_CHROMIUM)) {
    return DEBIAN_CHROMIUM
  }
  const { default: packaged } = await import('@sparticuz/chromium')
  return packaged.executablePath()
}
