import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Who may import whom (docs/architecture.md): folder -> folders of ours that it may import besides itself. */
const MAY_IMPORT = {
  protocol: [],
  machine: ['protocol'],
  trace: ['protocol', 'machine'],
  target: ['protocol', 'machine', 'trace'],
  'debug-adapter': ['protocol', 'machine', 'trace', 'target'],
  agent: ['protocol', 'machine'],
  webview: ['protocol', 'trace'],
  extension: ['protocol', 'machine', 'trace', 'target', 'debug-adapter', 'webview'],
  cli: ['protocol', 'machine', 'trace', 'target', 'debug-adapter', 'webview'],
};
const FOLDERS = Object.keys(MAY_IMPORT);

const zones = FOLDERS.map((folder) => ({
  target: `./${folder}`,
  from: FOLDERS.filter((other) => other !== folder && !MAY_IMPORT[folder].includes(other)).map((other) => `./${other}`),
  message: `${folder}/ may import only: ${[folder, ...MAY_IMPORT[folder]].join(', ')} (docs/architecture.md).`,
})).map((zone) => ({ ...zone, from: [...zone.from, './test'] }));

export default tseslint.config(
  { ignores: ['dist/**', 'out/**', '**/node_modules/**', '.eventscope/**', '.vscode-test/**'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ['./tsconfig.json', './webview/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['extension/**', 'test/**'],
    rules: {
      'no-restricted-imports': ['error', { paths: [{ name: 'vscode', message: 'Only extension/ imports vscode.' }] }],
    },
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-unused-expressions': 'off' },
  },
);
