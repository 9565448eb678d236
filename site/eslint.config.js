import js from '@eslint/js'
import globals from 'globals'
import pluginVue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'
import vueParser from 'vue-eslint-parser'

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'src/api/contract.ts'] },
  js.configs.recommended,
  tseslint.configs.strict,
  pluginVue.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parser: vueParser, parserOptions: { parser: tseslint.parser } },
  },
  {
    files: ['src/**'],
    languageOptions: { globals: globals.browser },
    rules: {
      'no-console': 'error',
      // Names are shown as text only, everywhere.
      'vue/no-v-html': 'error',
      // A style attribute set as text is refused by the content security policy.
      'vue/no-static-inline-styles': 'error',
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
    },
  },
  {
    files: ['src/{composables,components,views}/**'],
    ignores: ['**/__tests__/**'],
    rules: {
      // Only `src/api` knows URLs and JSON.
      'no-restricted-globals': ['error', 'fetch', 'WebSocket', 'XMLHttpRequest'],
    },
  },
  {
    files: ['e2e/**', '*.config.*'],
    // Parts of the story run inside the page.
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  {
    // Prettier owns the layout of templates.
    rules: Object.fromEntries(
      [
        'html-closing-bracket-newline',
        'html-closing-bracket-spacing',
        'html-indent',
        'html-self-closing',
        'max-attributes-per-line',
        'multiline-html-element-content-newline',
        'singleline-html-element-content-newline',
      ].map((rule) => [`vue/${rule}`, 'off']),
    ),
  },
)
