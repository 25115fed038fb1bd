/**
 * What code that a test sends into the page finds there, and no more of it than is used. The DOM's own types would hold
 * for every file that is compiled with these, and they do not agree with Node's.
 */
export interface PageFile {
  readonly name: string;
  readonly size: number;
  slice(from: number, until: number): PageFile;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface PageElement {
  type: string;
  id: string;
  hidden: boolean;
  open: boolean;
  readonly textContent: string;
  readonly style: object;
  readonly files: readonly PageFile[];
  readonly dataset: Readonly<Record<string, string>>;
  append(child: PageElement): void;
  remove(): void;
  blur(): void;
  dispatchEvent(event: object): void;
}

export interface PageBar {
  readonly title: string;
  readonly offsetHeight: number;
}

export interface PageCanvas {
  readonly width: number;
  getContext(kind: '2d'): {
    getImageData(x: number, y: number, width: number, height: number): { readonly data: readonly number[] };
  };
}

export interface PageDocument {
  readonly body: PageElement;
  readonly activeElement: PageElement;
  createElement(name: string): PageElement;
  getElementById(id: string): PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  getAnimations(): readonly object[];
  readonly documentElement: { readonly scrollWidth: number };
}

/** Of the style of an element as it is computed. */
export type ComputedStyle = (element: object) => {
  readonly transitionDuration: string;
  readonly animationName: string;
  readonly scrollBehavior: string;
  readonly backgroundColor: string;
  getPropertyValue(name: string): string;
};
/** As `window` has it. */
export type PostMessage = (message: unknown, target: '*', transfer?: readonly ArrayBuffer[]) => void;
export type RequestAnimationFrame = (frame: (time: number) => void) => number;
export type PageEvent = new (type: string, init: Readonly<Record<string, number | boolean>>) => object;
/** A thread that reads a file and sends its pieces. */
export type PageReader = new (address: string) => {
  addEventListener(
    type: 'message',
    take: (event: { readonly data: { readonly at: number; readonly bytes: ArrayBuffer } }) => void,
  ): void;
  postMessage(file: PageFile): void;
  terminate(): void;
};
/** What is dragged into a page. */
export type PageDataTransfer = new () => { readonly items: { add(file: object): void } };
export type PageNewFile = new (parts: readonly Uint8Array[], name: string) => object;
export type PageDragEvent = new (
  type: string,
  init: { dataTransfer: object; bubbles: true; cancelable: true },
) => object;
