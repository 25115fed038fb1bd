/** The timeline as one HTML file that needs nothing else: data, code and style inside, and nothing from anywhere else. */
import type { TraceModel } from '../trace/model/model.js';
import { pageBody, pageStyle } from './page.js';
import { toViewData, type ViewData } from './view-data.js';

/** `bundleText`: the bundle of webview/main.ts. */
export function renderStandalone(model: TraceModel, bundleText: string): string {
  return renderPage(toViewData(model), bundleText);
}

export function renderPage(data: ViewData, bundleText: string): string {
  const nonce = newNonce();
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(`${data.title} - Eventscope`)}</title>`,
    `<style nonce="${nonce}">${pageStyle}</style>`,
    '</head>',
    '<body>',
    pageBody,
    `<script nonce="${nonce}" type="application/json" id="data">${jsonForScript(data)}</script>`,
    `<script nonce="${nonce}">${bundleText.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--')}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** Names come from the recorded programs: nothing in them may end the element or begin another. */
const jsonForScript = (data: ViewData): string =>
  JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
