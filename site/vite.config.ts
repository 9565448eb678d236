import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath, URL } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

/** Keeps the development `config.json` out of the build: the deployer writes the real one. */
function withoutDevelopmentConfig(): Plugin {
  let outDir = ''
  return {
    name: 'without-development-config',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir)
    },
    async closeBundle() {
      await rm(join(outDir, 'config.json'), { force: true })
    },
  }
}

export default defineConfig({
  plugins: [vue(), withoutDevelopmentConfig()],
  // The page needs no options API and no devtools: both would be dead weight.
  define: { __VUE_OPTIONS_API__: 'false' },
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    // Inlined assets would need `data:` in more of the content security policy than images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
