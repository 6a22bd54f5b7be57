"""The same service as one would write it in Python: FastAPI, uvicorn and PyTorch, one patch in, one loop out.

    python predict_peer.py PORT PEERS_FOLDER

Evaluation mode, inference mode, two threads of PyTorch; the network is the published im2spec with window 8, 64 points,
latent 2, 64 filters, its weights as they are initialised. Prints `ready` when it listens.
"""
import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

port, peers = int(sys.argv[1]), sys.argv[2]
sys.path.insert(0, peers)
from networks_torch import build

torch.set_num_threads(2)
network = build("im2spec", 8, 64, 2).eval()
app = FastAPI()


class Patch(BaseModel):
    model: str
    inputs: list[list[float]]


@app.post("/predict")
async def predict(patch: Patch):
    with torch.inference_mode():
        latent = network.encode(torch.tensor(patch.inputs)[None, None])
        output = network.decode(latent)
    return {"model": patch.model, "outputs": output[0, 0].tolist(), "latents": latent[0].tolist(), "warnings": []}


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print("ready", flush=True)


Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False)).run()
