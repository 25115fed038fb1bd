/** One packet in a line of words, for logs and `eventscope kd decode`. Every known packet is understood whole. */
import { describeNtstatus } from '../../machine/status.js';
import { type KdPacket, PacketType } from './link/packet.js';
import { decodeDebugIo } from './protocol/debug-io.js';
import { decodeFileIo } from './protocol/file-io.js';
import { Api, apiName, decodeManipulate, type Manipulate } from './protocol/manipulate.js';
import { decodeStateChange, type StateChange } from './protocol/state-change.js';

export interface PacketDescription {
  readonly text: string;
  /** false: a type, an api or a form that we have no description of. */
  readonly known: boolean;
}

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function describeStop(stop: StateChange): PacketDescription {
  const where = `cpu ${stop.processor} of ${stop.processorCount}, thread ${hex(stop.thread)}, pc ${hex(stop.programCounter)}`;
  switch (stop.kind) {
    case 'exception':
      return {
        known: true,
        text: `exception ${describeNtstatus(stop.code)} at ${hex(stop.address)}${stop.firstChance ? ', first chance' : ''}; ${where}`,
      };
    case 'loadSymbols':
      return {
        known: true,
        text: `${stop.unload ? 'unload' : 'load'} ${stop.path} at ${hex(stop.base)}, ${stop.sizeOfImage} bytes, pid ${stop.processId}; ${where}`,
      };
    case 'commandString':
      return { known: true, text: `command ${stop.name}: ${stop.command}; ${where}` };
    case 'unknown':
      return { known: false, text: `state ${hex(stop.state)}; ${where}` };
  }
}

function describeManipulate(message: Manipulate, direction: 'host' | 'target'): PacketDescription {
  const name = message.api === undefined ? `api ${hex(message.apiNumber)}` : apiName(message.api);
  const status = direction === 'target' ? ` -> ${describeNtstatus(message.status)}` : '';
  const at = ` ${hex(message.header.getBigUint64(16, true))}`;
  const addressed = message.api !== undefined && ADDRESSED.has(message.api) ? at : '';
  const data = message.data.length > 0 ? `, ${message.data.length} bytes` : '';
  return { known: message.api !== undefined, text: `${name}${addressed} cpu ${message.processor}${status}${data}` };
}

const ADDRESSED: ReadonlySet<Api> = new Set([
  Api.ReadVirtualMemory,
  Api.WriteVirtualMemory,
  Api.ReadPhysicalMemory,
  Api.WritePhysicalMemory,
  Api.ReadControlSpace,
  Api.WriteControlSpace,
  Api.WriteBreakPoint,
]);

function describeData(packet: KdPacket, direction: 'host' | 'target'): PacketDescription | undefined {
  switch (packet.type) {
    case PacketType.StateManipulate: {
      const message = decodeManipulate(packet.payload);
      return message && describeManipulate(message, direction);
    }
    case PacketType.StateChange64: {
      const stop = decodeStateChange(packet.payload);
      return stop && describeStop(stop);
    }
    case PacketType.DebugIo: {
      const io = decodeDebugIo(packet.payload);
      return io && { known: true, text: `${io.kind} ${JSON.stringify(io.text)}` };
    }
    case PacketType.FileIo: {
      const io = decodeFileIo(packet.payload);
      return (
        io && { known: io.kind !== 'unknown', text: `file ${io.kind}${io.kind === 'create' ? ` ${io.name}` : ''}` }
      );
    }
    case PacketType.Unused:
    case PacketType.StateChange32:
    case PacketType.Acknowledge:
    case PacketType.Resend:
    case PacketType.Reset:
    case PacketType.TraceIo:
    case PacketType.ControlRequest:
      return undefined;
  }
}

export function describePacket(packet: KdPacket, direction: 'host' | 'target'): PacketDescription {
  const name = PacketType[packet.type];
  const head = `${name} id ${packet.id.toString(16).padStart(8, '0')}`;
  if (packet.control) return { known: true, text: head };
  const body = describeData(packet, direction);
  if (body === undefined) return { known: false, text: `${head}, ${packet.payload.length} bytes` };
  return { known: body.known, text: `${head}: ${body.text}` };
}
