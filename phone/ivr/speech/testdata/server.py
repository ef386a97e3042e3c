"""A Wyoming server on the reference library that speaks with espeak-ng.

Prints its port. With --streaming it takes text in the streaming way only.
"""
import argparse
import asyncio
import io
import subprocess
import wave

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import async_read_event, async_write_event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped


def info(streaming):
    nobody = Attribution(name="", url="")
    voices = [
        TtsVoice(name=name, languages=[language], attribution=nobody, installed=True, description=None, version=None)
        for name, language in (("english", "en_GB"), ("german", "de_DE"))
    ]
    return Info(tts=[TtsProgram(name="espeak-ng", attribution=nobody, installed=True, description=None, version="1",
                                voices=voices, supports_synthesize_streaming=streaming)])


async def speak(writer, text, voice):
    if "please fail" in text:
        await async_write_event(Error(text="the model is broken", code="model").event(), writer)
        return
    language = "de" if voice is not None and voice.name == "german" else "en-gb"
    sound = subprocess.run(["espeak-ng", "-v", language, "--stdin", "--stdout"], input=text.encode(), capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(sound)) as file:
        form = {"rate": file.getframerate(), "width": file.getsampwidth(), "channels": file.getnchannels()}
        await async_write_event(AudioStart(**form).event(), writer)
        while audio := file.readframes(1024):
            await async_write_event(AudioChunk(audio=audio, **form).event(), writer)
        await async_write_event(AudioStop().event(), writer)


async def serve(reader, writer, streaming):
    text, voice = None, None
    while (event := await async_read_event(reader)) is not None:
        if Describe.is_type(event.type):
            await async_write_event(info(streaming).event(), writer)
        elif SynthesizeStart.is_type(event.type):
            text, voice = "", SynthesizeStart.from_event(event).voice
        elif SynthesizeChunk.is_type(event.type):
            text += SynthesizeChunk.from_event(event).text
        elif SynthesizeStop.is_type(event.type):
            await speak(writer, text, voice)
            await async_write_event(SynthesizeStopped().event(), writer)
        elif Synthesize.is_type(event.type) and not streaming:
            request = Synthesize.from_event(event)
            await speak(writer, request.text, request.voice)
    writer.close()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--streaming", action="store_true")
    streaming = parser.parse_args().streaming
    server = await asyncio.start_server(lambda r, w: serve(r, w, streaming), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
