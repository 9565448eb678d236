import './styles/tokens.css'
import './styles/base.css'
import './styles/tree.css'

import { createApp } from 'vue'

import App from './App.vue'

createApp(App).mount('#app')
