import assert from 'node:assert/strict';
import { movableLength } from './movable.js';

const lengthOf = (bytes: string): number | undefined => movableLength(Buffer.from(`${bytes}cccccccccccc`, 'hex'));

describe('movable instructions', () => {
  const MOVABLE: readonly (readonly [name: string, bytes: string])[] = [
    ['mov r10, rcx', '4c8bd1'],
    ['mov rax, rsp', '488bc4'],
    ['mov [rsp+8], rbx', '48895c2408'],
    ['mov [rsp+1234h], rbx', '48899c2434120000'],
    ['push rbp', '55'],
    ['push r15', '4157'],
    ['sub rsp, 28h', '4883ec28'],
    ['sub rsp, 128h', '4881ec28010000'],
    ['mov eax, 0Eh', 'b80e000000'],
    ['mov rax, imm64', '48b80102030405060708'],
    ['xor eax, eax', '33c0'],
    ['test rcx, rcx', '4885c9'],
    ['lea r11, [rsp+8]', '4c8d5c2408'],
    ['movaps [rsp+20h], xmm6', '0f29742420'],
    ['endbr64', 'f30f1efa'],
    ['mov edi, edi', '8bff'],
    ['movzx eax, cl', '0fb6c1'],
    ['mov word [rcx], 1234h', '66c7013412'],
    ['cmp dword [rcx], 5', '833905'],
  ];
  for (const [name, bytes] of MOVABLE) {
    it(`${name} is, with all its bytes`, () => assert.equal(lengthOf(bytes), bytes.length / 2));
  }

  const NOT: readonly (readonly [name: string, bytes: string])[] = [
    ['jmp rel32', 'e900000000'],
    ['jmp [rip+0]', 'ff2500000000'],
    ['call rel32', 'e800000000'],
    ['je rel8', '7405'],
    ['jne rel32', '0f8500000000'],
    ['mov rax, [rip+0]', '488b0500000000'],
    ['lea rax, [rip+0]', '488d0500000000'],
    ['cmp byte [rip+0], 1', '803d0000000001'],
    ['ret', 'c3'],
    ['int3', 'cc'],
    ['lock inc', 'f0ff01'],
    ['rep movsb', 'f3a4'],
    ['syscall', '0f05'],
  ];
  for (const [name, bytes] of NOT) {
    it(`${name} is not`, () => assert.equal(lengthOf(bytes), undefined));
  }

  it('an instruction that is cut is not', () => {
    assert.equal(movableLength(Uint8Array.of(0x48, 0x81, 0xec, 0x28)), undefined);
    assert.equal(movableLength(new Uint8Array(0)), undefined);
  });
});
