"""The bundled trainer's decoder in PyTorch: one step checked against it, and its speed beside ours.

    python3 benches/peers/decoder.py step CHECKPOINTS RUN TEXT   # RUN-step0 to RUN-step1 of `isoloss train`
    python3 benches/peers/decoder.py bench [--threads 1 2] [--device cpu|cuda] [--only 1M] [--compile]

`step` loads the parameters of `RUN-step0.safetensors`, takes one step on TEXT (bytes, one batch whole)
and compares loss, gradient norm, parameters and moments with `RUN-step1.safetensors`. `bench` times
training steps of the cases of `benches/train.rs`, eager and, with `--compile`, by torch.compile (which
needs a C++ compiler on a CPU). Both wall-clock and processor time are given: on a machine that does other work
as well, only the latter compares. Wants torch and numpy.
"""

import argparse
import json
import math
import statistics
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-6


def read_safetensors(path):
    """Arrays by name and the metadata of a safetensors file."""
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", name
        start, end = (8 + length + at for at in entry["data_offsets"])
        values = np.frombuffer(raw[start:end], dtype="<f4").reshape(entry["shape"])
        arrays[name] = torch.from_numpy(values.copy())
    return arrays, metadata


class Decoder(torch.nn.Module):
    """Parameters under the names of our checkpoints."""

    def __init__(self, shape, context, transfer="rule", device="cpu"):
        super().__init__()
        self.shape = shape
        self.mup = transfer in ("mup", "completep")
        # CompleteP: a part of a block enters the stream with 2 / layers.
        self.residual = 2.0 / shape["layers"] if transfer == "completep" else 1.0
        d, k = shape["d_model"], shape["head_dim"]
        heads, kv_heads = shape["heads"], shape["kv_heads"]
        sizes = {"embedding": (shape["vocab"], d), "final_gain": (d,)}
        if not shape["tied_embeddings"]:
            sizes["head"] = (d, shape["vocab"])
        up = shape["ffn_matrices"] - 1
        for i in range(shape["layers"]):
            block = f"blocks.{i}."
            sizes[block + "attention_gain"] = (d,)
            sizes[block + "ffn_gain"] = (d,)
            sizes[block + "qkv"] = (d, (heads + 2 * kv_heads) * k)
            sizes[block + "output"] = (heads * k, d)
            if shape.get("qk_norm"):
                sizes[block + "query_gain"] = (k,)
                sizes[block + "key_gain"] = (k,)
            experts = shape.get("experts")
            if experts and i >= experts.get("dense_layers", 0):
                sizes[block + "mixture.router"] = (d, experts["count"])
                for e in range(experts["count"]):
                    part = f"{block}mixture.experts.{e}."
                    sizes[part + "up"] = (d, up * shape["ffn"])
                    sizes[part + "down"] = (shape["ffn"], d)
                if experts.get("shared", 0):
                    width = shape["ffn"] * experts["shared"]
                    sizes[block + "mixture.shared.up"] = (d, up * width)
                    sizes[block + "mixture.shared.down"] = (width, d)
            else:
                ffn = experts["dense_ffn"] if experts else shape["ffn"]
                sizes[block + "dense.up"] = (d, up * ffn)
                sizes[block + "dense.down"] = (ffn, d)
        self.weights = {}
        for name, size in sizes.items():
            scale = 0.0 if len(size) == 1 else 1.0 / math.sqrt(size[0])
            value = torch.randn(size, device=device) * scale + (1.0 if len(size) == 1 else 0.0)
            if name in ("embedding", "head"):
                value = torch.randn(size, device=device) * 0.02
            weight = torch.nn.Parameter(value)
            self.weights[name] = weight
            self.register_parameter(name.replace(".", "_"), weight)
        half = k // 2
        position = torch.arange(context, dtype=torch.float64)[:, None]
        pair = torch.arange(half, dtype=torch.float64)[None, :]
        angle = position * 10_000.0 ** (-pair / half)
        self.cos = torch.cos(angle).float().repeat(1, 2)[None, None].to(device)
        self.sin = torch.sin(angle).float().repeat(1, 2)[None, None].to(device)
        window = shape.get("window")
        self.mask = None
        if window and window < context:
            i = torch.arange(context, device=device)
            self.mask = (i[None, :] <= i[:, None]) & (i[None, :] + window > i[:, None])

    def rotate(self, x):
        left, right = x.chunk(2, dim=-1)
        return x * self.cos + torch.cat((-right, left), dim=-1) * self.sin

    def attend(self, block, h):
        batch, context, _ = h.shape
        w, shape = self.weights, self.shape
        k, heads, kv_heads = shape["head_dim"], shape["heads"], shape["kv_heads"]
        qkv = (h @ w[block + "qkv"]).view(batch, context, heads + 2 * kv_heads, k).transpose(1, 2)
        q, key, value = qkv.split((heads, kv_heads, kv_heads), dim=1)
        if shape.get("qk_norm"):
            q = F.rms_norm(q, (k,), w[block + "query_gain"], EPSILON)
            key = F.rms_norm(key, (k,), w[block + "key_gain"], EPSILON)
        q, key = self.rotate(q), self.rotate(key)
        # muP: 1 / head_dim, times what makes it the usual factor at 32.
        scale = math.sqrt(32.0) / k if self.mup else None
        mixed = F.scaled_dot_product_attention(
            q, key, value, attn_mask=self.mask, is_causal=self.mask is None,
            enable_gqa=heads != kv_heads, scale=scale,
        )
        return mixed.transpose(1, 2).reshape(batch, context, heads * k) @ w[block + "output"]

    def feed(self, part, h):
        up = h @ self.weights[part + "up"]
        if self.shape["ffn_matrices"] == 3:
            gate, up = up.chunk(2, dim=-1)
            up = F.silu(gate) * up
        else:
            up = F.gelu(up)
        return up @ self.weights[part + "down"]

    def mix(self, block, h):
        batch, context, d = h.shape
        h = h.reshape(-1, d)
        experts = self.shape["experts"]
        count, top_k = experts["count"], experts["top_k"]
        logits = h @ self.weights[block + "mixture.router"]
        probabilities = logits.softmax(-1)
        weights, chosen = probabilities.topk(top_k, dim=-1)
        if top_k > 1:
            weights = weights / weights.sum(-1, keepdim=True)
        y = torch.zeros_like(h)
        for e in range(count):
            rows, rank = (chosen == e).nonzero(as_tuple=True)
            if len(rows):
                part = self.feed(f"{block}mixture.experts.{e}.", h[rows])
                y = y.index_add(0, rows, part * weights[rows, rank, None])
        if experts.get("shared", 0):
            y = y + self.feed(block + "mixture.shared.", h)
        load = F.one_hot(chosen, count).float().mean((0, 1))
        balance = count * (load * probabilities.mean(0)).sum()
        z = logits.logsumexp(-1).square().mean()
        return y.reshape(batch, context, d), balance, z

    def forward(self, tokens):
        w, d = self.weights, self.shape["d_model"]
        x = w["embedding"][tokens] * (8.0 if self.mup else math.sqrt(d))
        balances, zs = [], []
        for i in range(self.shape["layers"]):
            block = f"blocks.{i}."
            h = F.rms_norm(x, (d,), w[block + "attention_gain"], EPSILON)
            x = x + self.residual * self.attend(block, h)
            h = F.rms_norm(x, (d,), w[block + "ffn_gain"], EPSILON)
            if block + "mixture.router" in w:
                y, balance, z = self.mix(block, h)
                balances.append(balance)
                zs.append(z)
            else:
                y = self.feed(block + "dense.", h)
            x = x + self.residual * y
        x = F.rms_norm(x, (d,), w["final_gain"], EPSILON)
        if self.mup:
            x = x * (64.0 / d)
        logits = x @ (w["head"] if "head" in w else w["embedding"].T)
        mean = lambda parts: sum(parts) / len(parts) if parts else None
        return logits, mean(balances), mean(zs)


def groups(model, recipe, lr):
    """Parameter groups of a recipe at a learning rate of the hidden matrices."""
    transfer = recipe.get("width_transfer", "rule")
    width = model.shape["d_model"] / 64.0
    around = width if model.mup else 1.0
    complete = transfer == "completep"
    decay, epsilon = recipe["weight_decay"], 1e-8
    eps_around = epsilon / width if complete else epsilon
    eps_inside = epsilon / width * model.residual if complete else epsilon
    found = {}
    for name, weight in model.weights.items():
        if weight.dim() == 1:
            key = (lr * around, 0.0, eps_inside)
        elif name in ("embedding", "head"):
            rate = lr * around * recipe["embedding_lr_ratio"]
            key = (rate, decay if recipe["decay_embeddings"] else 0.0, eps_around)
        else:
            key = (lr, decay * width if complete else decay, eps_inside)
        found.setdefault(key, []).append(weight)
    return [
        {"params": p, "lr": lr, "weight_decay": decay, "eps": eps}
        for (lr, decay, eps), p in found.items()
    ]


def check_step(args):
    """One step of ours against one step here; exits 1 when they differ by more than the tolerance."""
    torch.set_num_threads(1)
    before, metadata = read_safetensors(f"{args.checkpoints}/{args.run}-step0.safetensors")
    after, _ = read_safetensors(f"{args.checkpoints}/{args.run}-step1.safetensors")
    spec = json.loads(metadata["isoloss"])["spec"]
    recipe, shape = spec["recipe"], spec["shape"]
    with open(args.text, "rb") as file:
        text = np.frombuffer(file.read(), dtype=np.uint8).astype(np.int64)
    context, batch = recipe["context"], recipe["batch_sequences"]
    text = torch.from_numpy(text[: batch * context + 1].copy())
    inputs, targets = text[:-1].view(batch, context), text[1:].view(batch, context)
    model = Decoder(shape, context, recipe.get("width_transfer", "rule"))
    with torch.no_grad():
        for name, weight in model.weights.items():
            weight.copy_(before[name])
    names = {n for n in before if not n.startswith(("first.", "second."))}
    assert names == set(model.weights), names ^ set(model.weights)
    logits, balance, z = model(inputs)
    loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))
    total = loss
    if balance is not None:
        total = loss + recipe["balance_loss"] * balance + recipe["router_z_loss"] * z
    total.backward()
    for weight in model.weights.values():
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    norm = torch.nn.utils.clip_grad_norm_(model.weights.values(), recipe["clip_norm"])
    width_exponent = 1.0 if model.mup else recipe["lr_width_exponent"]
    lr = recipe["peak_lr"] * (64.0 / shape["d_model"]) ** width_exponent / args.warmup_steps
    betas = (recipe["beta1"], recipe["beta2"])
    optimizer = torch.optim.AdamW(groups(model, recipe, lr), betas=betas)
    optimizer.step()
    worst = {}
    for name, weight in model.weights.items():
        state = optimizer.state[weight]
        for kind, ours, theirs in (
            ("parameters", after[name], weight.detach()),
            ("first moments", after["first." + name], state["exp_avg"]),
            ("second moments", after["second." + name], state["exp_avg_sq"]),
        ):
            gap = (ours - theirs).abs().max().item()
            if kind != "parameters":
                gap /= theirs.abs().max().item() or 1.0
            worst[kind] = max(worst.get(kind, 0.0), gap)
    result = {"loss": loss.item(), "grad_norm": norm.item(), "gaps": worst}
    print(json.dumps(result))
    if max(worst.values()) > args.tolerance:
        sys.exit(f"differs by more than {args.tolerance}: {worst}")


def swiglu(layers, d, heads, vocab=256, **more):
    """The shape that `Shape::swiglu` makes."""
    ffn = -(-(-(-8 * d // 3)) // 8) * 8
    shape = dict(layers=layers, d_model=d, heads=heads, kv_heads=heads, head_dim=d // heads, ffn=ffn)
    return {**shape, "ffn_matrices": 3, "vocab": vocab, "tied_embeddings": True, **more}


CASES = {
    "0.1M": (swiglu(2, 64, 2), 16, 128),
    "1M": (swiglu(4, 128, 4), 16, 128),
    "1M-ctx256": (swiglu(4, 128, 4), 8, 256),
    "5M": (swiglu(6, 256, 4), 8, 128),
    "5M-gelu": (swiglu(6, 256, 4, ffn=1024, ffn_matrices=2), 8, 128),
    "6M-vocab4096": (swiglu(6, 256, 4, vocab=4096), 8, 128),
    "20M": (swiglu(6, 512, 8), 8, 128),
    "2M-8-experts": (swiglu(4, 128, 4, ffn=176, experts={"count": 8, "top_k": 2}), 16, 128),
}


def tokens_per_s(shape, batch, context, device, compiled=False, steps=8):
    """Forward, backward, clipping, fused AdamW: tokens per second of wall-clock, median over the steps of one
    run, and per second of processor time, mean over them."""
    model = Decoder(shape, context, device=device)
    forward = torch.compile(model) if compiled else model
    recipe = dict(weight_decay=0.1, embedding_lr_ratio=1.0, decay_embeddings=True)
    optimizer = torch.optim.AdamW(groups(model, recipe, 3e-3), betas=(0.9, 0.95), fused=True)
    text = torch.randint(shape["vocab"], (400_000,))
    seconds = []
    # Compilation happens in the first steps.
    warm = 4 if compiled else 2
    for step in range(steps + warm):
        if step == warm:
            cpu = time.process_time()
        began = time.perf_counter()
        at = torch.randint(len(text) - context - 1, (batch,)).tolist()
        inputs = torch.stack([text[i : i + context] for i in at]).to(device)
        targets = torch.stack([text[i + 1 : i + 1 + context] for i in at]).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            logits, balance, z = forward(inputs)
        loss = F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets.view(-1))
        total = loss if balance is None else loss + 0.01 * balance + 1e-3 * z
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        if step >= warm:
            seconds.append(time.perf_counter() - began)
    cpu = (time.process_time() - cpu) / steps
    return batch * context / statistics.median(seconds), batch * context / cpu


def bench(args):
    for threads in args.threads:
        torch.set_num_threads(threads)
        a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
        times = []
        for _ in range(12):
            began = time.perf_counter()
            a @ b
            times.append(time.perf_counter() - began)
        print(f"\n{threads} thread(s), torch {torch.__version__}, {args.device}; ", end="")
        print(f"f32 product of 1024 x 1024: {2 * 1024**3 / min(times) / 1e9:.0f} GFLOP/s\n")
        print("| Model | Mode | Tokens/s | Tokens per CPU second |\n|---|---|---|---|")
        for name, (shape, batch, context) in CASES.items():
            if args.only and name not in args.only:
                continue
            for compiled in (False, True) if args.compile else (False,):
                wall, cpu = tokens_per_s(shape, batch, context, args.device, compiled)
                mode = "compiled" if compiled else "eager"
                print(f"| {name} | {mode} | {wall:.0f} | {cpu:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    step = verbs.add_parser("step")
    step.add_argument("checkpoints")
    step.add_argument("run")
    step.add_argument("text")
    step.add_argument("--tolerance", type=float, default=1e-5)
    step.add_argument("--warmup-steps", type=int, default=1)
    step.set_defaults(work=check_step)
    speed = verbs.add_parser("bench")
    speed.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    speed.add_argument("--device", default="cpu")
    speed.add_argument("--only", nargs="*", default=[])
    speed.add_argument("--compile", action="store_true")
    speed.set_defaults(work=bench)
    args = parser.parse_args()
    args.work(args)


if __name__ == "__main__":
    main()
