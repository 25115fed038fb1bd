/** The timeline's page: with a recording inside, as one HTML file that needs nothing else; or empty, for an editor's webview. */
import type { TimelineColumns } from '../trace/columns/columns.js';
import { encodeColumns } from '../trace/columns/encode.js';
import { toColumns } from '../trace/columns/from-model.js';
import type { TraceModel } from '../trace/model/model.js';
import { pageBody, pageStyle } from './page.js';

/** `bundleText`: the bundle of webview/main.ts. */
export function renderStandalone(model: TraceModel, bundleText: string): string {
  return renderPage(toColumns(model), bundleText);
}

export const renderPage = (columns: TimelineColumns, bundleText: string): string =>
  render(columns.title, Buffer.from(encodeColumns(columns)).toString('base64'), bundleText);

/** For a webview: recordings come by messages (protocol/webview.ts). */
export const renderEmptyPage = (bundleText: string): string => render('Timeline', '', bundleText);

/** Nothing is loaded from anywhere; the worker is made of the page's own script, by a blob. */
function render(title: string, data: string, bundleText: string): string {
  const nonce = newNonce();
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; worker-src blob:; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(`${title} - Eventscope`)}</title>`,
    `<style nonce="${nonce}">${pageStyle}</style>`,
    '</head>',
    '<body>',
    pageBody,
    ...(data === '' ? [] : [`<script nonce="${nonce}" type="application/octet-stream" id="data">${data}</script>`]),
    `<script nonce="${nonce}">${bundleText.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--')}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function newNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
