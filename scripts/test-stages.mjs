/** What `npm test` runs, in this order. Bounds are generous: they are for a stage that hangs, not for a slow one. */

/** Beside what they test; they need neither Wine nor a compiler nor the network. */
export const UNIT_TESTS = [
  '{protocol,machine,trace,target,debug-adapter,agent,extension,cli,webview,scripts,test/bench,test/corpus,test/kd-target}/**/*.test.{ts,mjs}',
];

export const STAGES = [
  { name: 'unit', specs: UNIT_TESTS, minutes: 5 },
  { name: 'webview', specs: ['test/webview/*.test.ts'], minutes: 5 },
  { name: 'native', specs: ['test/native/**/*.test.ts'], minutes: 15 },
  { name: 'integration', specs: ['test/integration/**/*.test.ts'], minutes: 25 },
  { name: 'debug', specs: ['test/debug/**/*.test.ts'], minutes: 20 },
  { name: 'vscode', specs: ['test/vscode/*.test.ts'], minutes: 25 },
];
