"""Serves a model file with llama.cpp's own server until it is told to stop: MODEL TEMPLATE THREADS [PORT].

The first line on standard output is the address. With a template of `-` it serves embeddings instead of chat.
"""

import signal
import sys

import xllamacpp

model, template, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
params = xllamacpp.CommonParams()
params.model.path = model
params.port = int(sys.argv[4]) if len(sys.argv) > 4 else 0
params.n_ctx = 4096
params.n_parallel = 2
params.n_gpu_layers = 0
params.cpuparams.n_threads = threads
params.cpuparams_batch.n_threads = threads
params.offline = True
if template == "-":
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
else:
    params.use_jinja = True
    with open(template, encoding="utf-8") as file:
        params.chat_template = file.read()
# Before the server starts its threads, so that none of them takes the signal.
stops = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, stops)
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.sigwait(stops)
