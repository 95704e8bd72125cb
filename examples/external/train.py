"""A decoder in plain PyTorch, trained as a sweep file of isoloss asks for.

It reads everything from its arguments, writes JSON Lines to OUT/log.jsonl (a line a step, validation
losses among them) and a checkpoint to OUT/checkpoint.pt, from which it goes on when it is started again.
SIGTERM saves and ends. Adapt it, or give your own trainer the same arguments.

    python train.py --layers 2 --d-model 32 --heads 2 --vocab 256 --context 64 \\
        --batch-sequences 4 --steps 100 --warmup-steps 5 --lr 0.003 --seed 0 --text README.md --out /tmp/a
"""

import argparse
import json
import math
import os
import signal
import sys

import torch
from torch import nn
from torch.nn import functional as F


def arguments():
    p = argparse.ArgumentParser()
    for name in ("layers", "d-model", "heads", "vocab", "context", "batch-sequences", "steps", "warmup-steps", "seed"):
        p.add_argument(f"--{name}", type=int, required=True)
    p.add_argument("--ffn", type=int, required=True)
    p.add_argument("--lr", type=float, required=True)
    p.add_argument("--final-lr", type=float, default=0.0)
    p.add_argument("--weight-decay", type=float, default=0.1)
    p.add_argument("--beta1", type=float, default=0.9)
    p.add_argument("--beta2", type=float, default=0.95)
    p.add_argument("--clip-norm", type=float, default=1.0)
    p.add_argument("--text", required=True, help="a text file; its bytes are the tokens")
    p.add_argument("--evaluations", type=int, default=4)
    p.add_argument("--save-every", type=int, default=50, help="steps between two checkpoints")
    p.add_argument("--out", required=True)
    return p.parse_args()


class Block(nn.Module):
    def __init__(self, d, heads, ffn):
        super().__init__()
        self.heads = heads
        self.norm_in, self.norm_out = nn.RMSNorm(d), nn.RMSNorm(d)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.gate, self.up = nn.Linear(d, ffn, bias=False), nn.Linear(d, ffn, bias=False)
        self.down = nn.Linear(ffn, d, bias=False)

    def forward(self, x, rotary):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm_in(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(turn(q, rotary), turn(k, rotary), v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(b, t, d))
        h = self.norm_out(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def turn(x, rotary):
    """Rotary positions."""
    cos, sin = rotary
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Decoder(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embed = nn.Embedding(a.vocab, a.d_model)
        self.blocks = nn.ModuleList(Block(a.d_model, a.heads, a.ffn) for _ in range(a.layers))
        self.norm = nn.RMSNorm(a.d_model)
        half = a.d_model // a.heads // 2
        angle = torch.arange(a.context)[:, None] * 10_000.0 ** (-torch.arange(half) / half)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02)

    def forward(self, x, y):
        h = self.embed(x) * self.embed.embedding_dim**0.5
        for block in self.blocks:
            h = block(h, (self.cos, self.sin))
        logits = F.linear(self.norm(h), self.embed.weight)  # one matrix for input and output
        return F.cross_entropy(logits.flatten(0, 1), y.flatten())


def windows(tokens, starts, context):
    rows = torch.stack([tokens[s : s + context + 1] for s in starts.tolist()])
    return rows[:, :-1], rows[:, 1:]


def main():
    a = arguments()
    os.makedirs(a.out, exist_ok=True)
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    with open(a.text, "rb") as f:
        tokens = torch.frombuffer(bytearray(f.read()), dtype=torch.uint8).long()
    cut = int(0.95 * len(tokens))
    training, validation = tokens[:cut], tokens[cut:]
    held_out = torch.linspace(0, len(validation) - a.context - 1, 32).long()

    torch.manual_seed(a.seed)
    model = Decoder(a)
    matrices = [w for w in model.parameters() if w.dim() > 1]
    gains = [w for w in model.parameters() if w.dim() == 1]
    groups = [{"params": matrices, "weight_decay": a.weight_decay}, {"params": gains, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=a.lr, betas=(a.beta1, a.beta2))
    n_params = sum(w.numel() for w in model.parameters())
    per_step = a.batch_sequences * a.context

    step, logged = 0, 0
    checkpoint, log = os.path.join(a.out, "checkpoint.pt"), os.path.join(a.out, "log.jsonl")
    if os.path.exists(checkpoint):
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        step, logged = kept["step"], kept["logged"]

    with open(log, "a") as lines:
        lines.truncate(logged)  # steps after the checkpoint are taken again

        def say(**line):
            lines.write(json.dumps({"step": step, "tokens": step * per_step, **line}) + "\n")
            lines.flush()

        def save():
            lines.flush()
            os.fsync(lines.fileno())
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "step": step, "logged": os.path.getsize(log)}, checkpoint + ".tmp")
            os.replace(checkpoint + ".tmp", checkpoint)

        def rate(at):
            if at < a.warmup_steps:
                return a.lr * (at + 1) / a.warmup_steps
            share = (at + 1 - a.warmup_steps) / max(1, a.steps - a.warmup_steps)
            return a.final_lr + 0.5 * (a.lr - a.final_lr) * (1 + math.cos(math.pi * share))

        if step == 0:
            say(n_params=n_params, max_steps=a.steps)
        while step < a.steps:
            if stopping:
                save()
                sys.exit(75)
            # The batch follows from seed and step, so that a run that goes on sees the same data.
            dice = torch.Generator().manual_seed(a.seed * 1_000_003 + step)
            starts = torch.randint(len(training) - a.context - 1, (a.batch_sequences,), generator=dice)
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            loss = model(*windows(training, starts, a.context))
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), a.clip_norm)
            optimizer.step()
            step += 1
            say(train_loss=loss.item(), lr=rate(step - 1), grad_norm=norm.item())
            if step * a.evaluations // a.steps != (step - 1) * a.evaluations // a.steps:
                with torch.no_grad():
                    say(eval_loss=model(*windows(validation, held_out, a.context)).item())
            if step % a.save_every == 0 or step == a.steps:
                save()


main()
