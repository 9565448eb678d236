import { defineConfig, mergeConfig } from 'vitest/config'

import viteConfig from './vite.config.ts'

export default mergeConfig(
  viteConfig,
  defineConfig({
    // Vue Test Utils reads the options API.
    define: { __VUE_OPTIONS_API__: 'true' },
    test: {
      environment: 'happy-dom',
      include: ['src/**/__tests__/*.spec.ts'],
      restoreMocks: true,
      unstubGlobals: true,
    },
  }),
)
