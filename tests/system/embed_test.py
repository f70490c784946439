"""`hearth embed` and `hearth rerank` as a shell sees them, on small models made here: an encoder with a WordPiece
vocabulary, a reranker, a language model. What the numbers should be is tests/golden's."""

import json
import math
import os
import random
import struct
import unittest

import bad_input_test as base
from bad_input_test import ARRAY, CONTROL, F32, I32, NORMAL, STRING, U32, entry, string

BOOL = 7
CLS, SEP = 2, 3
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"▁{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
WIDTH, CONTEXT = 32, 16


def encoder_file(pooling=None, head=0, labels=None, normalize=None):
    """A random BERT of one layer; `head`: rows of cls.output."""
    numbers = {"context_length": CONTEXT, "embedding_length": WIDTH, "block_count": 1, "feed_forward_length": WIDTH,
               "attention.head_count": 2}
    if pooling is not None:
        numbers["pooling_type"] = pooling
    entries = [entry("general.architecture", STRING, string("bert")), entry("general.name", STRING, string("tiny"))]
    entries += [entry(f"bert.{key}", U32, struct.pack("<I", value)) for key, value in numbers.items()]
    entries += [entry("bert.attention.layer_norm_epsilon", F32, struct.pack("<f", 1e-5)),
                entry("bert.attention.causal", BOOL, b"\0"),
                entry("tokenizer.ggml.model", STRING, string("bert")),
                entry("tokenizer.ggml.token_type_count", U32, struct.pack("<I", 2)),
                entry("tokenizer.ggml.tokens", ARRAY,
                      struct.pack("<IQ", STRING, len(WORDS)) + b"".join(string(word) for word in WORDS)),
                entry("tokenizer.ggml.token_type", ARRAY, struct.pack("<IQ", I32, len(WORDS)) + b"".join(
                    struct.pack("<i", CONTROL if word[0] == "[" else NORMAL) for word in WORDS))]
    entries += [entry(f"tokenizer.ggml.{role}_token_id", U32, struct.pack("<I", id)) for role, id in
                (("padding", 0), ("unknown", 1), ("cls", CLS), ("bos", CLS), ("seperator", SEP), ("mask", 4))]
    if labels:
        entries.append(entry("bert.classifier.output_labels", ARRAY,
                             struct.pack("<IQ", STRING, len(labels)) + b"".join(string(label) for label in labels)))
    if normalize is not None:
        entries.append(entry("bert.normalize_embeddings", BOOL, bytes([normalize])))
    tensors = [("token_embd.weight", (WIDTH, len(WORDS))), ("position_embd.weight", (WIDTH, CONTEXT)),
               ("token_types.weight", (WIDTH, 2))]
    tensors += [(f"{name}.{part}", (WIDTH,)) for name in
                ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm") for part in ("weight", "bias")]
    tensors += [(f"blk.0.{name}.weight", (WIDTH, WIDTH)) for name in
                ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down")]
    if head:
        tensors.append(("cls.output.weight", (WIDTH, head)))
    infos, body = b"", b""
    numbers = random.Random(2)
    for name, shape in tensors:
        infos += string(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", size) for size in shape)
        infos += struct.pack("<IQ", 0, len(body))
        around = 1.0 if "norm.weight" in name else 0.0
        body += b"".join(struct.pack("<f", numbers.gauss(around, 0.4)) for _ in range(math.prod(shape)))
        body += b"\0" * (-len(body) % 32)
    start = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries) + infos
    return start + b"\0" * (-len(start) % 32) + body


def read_npy(path):
    with open(path, "rb") as file:
        content = file.read()
    size = struct.unpack("<H", content[8:10])[0]
    shape = eval(content[10:10 + size].decode())["shape"]
    return shape, list(struct.unpack(f"<{math.prod(shape)}f", content[10 + size:]))


def ids_of(text):
    return ",".join(str(id) for id in [CLS] + [WORDS.index("▁" + word) for word in text.split()] + [SEP])


class Embed(base.HearthCase):
    def setUp(self):
        super().setUp()
        self.encoder = self.make("encoder.gguf", encoder_file(pooling=1))
        self.ranker = self.make("ranker.gguf", encoder_file(pooling=4, head=1))
        self.out = os.path.join(self.folder, "out.npy")

    def embed(self, *words, model=None, given=b""):
        rc, out, err = self.run_hearth("embed", model or self.encoder, *words, "--json", given=given)
        self.assertEqual(rc, 0, err)
        return json.loads(out)

    def vectors(self, *words, **more):
        return self.embed(*words, **more)["embeddings"]

    # ---- embed

    def test_a_text_is_its_tokens(self):
        answer = self.embed("a b c", "d")
        self.assertEqual((answer["model"], answer["pooling"], answer["normalized"], answer["width"], answer["tokens"]),
                         ("tiny", "mean", True, WIDTH, [5, 3]))
        self.assertEqual(answer["embeddings"], self.vectors("--ids", ids_of("a b c")) + self.vectors("--ids", ids_of("d")))
        # Special tokens in a text are text.
        self.assertNotEqual(self.embed("a [SEP]")["tokens"], [4])

    def test_pooling_and_length(self):
        each = self.vectors("a b", "--pooling", "none", "--no-normalize")[0]
        self.assertEqual((len(each), len(each[0])), (4, WIDTH))
        for how, expected in (("cls", each[0]), ("last", each[3]),
                              ("mean", [sum(column) / 4 for column in zip(*each)])):
            plain = self.vectors("a b", "--pooling", how, "--no-normalize")[0]
            unit = self.vectors("a b", "--pooling", how)[0]
            length = math.sqrt(sum(x * x for x in expected))
            for i in range(WIDTH):
                self.assertAlmostEqual(plain[i], expected[i], places=6)
                self.assertAlmostEqual(unit[i], expected[i] / length, places=6)
        # What the file says counts where the person says nothing.
        first = self.make("first.gguf", encoder_file(pooling=2, normalize=False))
        self.assertEqual(self.vectors("a b", model=first), self.vectors("a b", "--pooling", "cls", "--no-normalize"))

    def test_ways_in_and_out(self):
        expected = self.vectors("a b", "c")
        lines = self.make("lines.txt", b"a b\r\nc\n")
        self.assertEqual(self.vectors("--file", lines), expected)
        self.assertEqual(self.vectors(given=b"a b\nc"), expected)
        rc, out, _ = self.run_hearth("embed", self.encoder, "a b", "c")
        self.assertEqual([[float(x) for x in line.split()] for line in out.decode().splitlines()], expected)
        rc, out, err = self.run_hearth("embed", self.encoder, "a b", "c", "--out", self.out)
        self.assertEqual((rc, out), (0, b""), err)
        shape, values = read_npy(self.out)
        self.assertEqual(shape, (2, WIDTH))
        for x, y in zip(values, expected[0] + expected[1]):
            self.assertAlmostEqual(x, y, places=7)
        self.assertEqual(self.run_hearth("embed", self.encoder, "a b", "--pooling", "none", "--out", self.out)[0], 0)
        self.assertEqual(read_npy(self.out)[0], (4, WIDTH))

    def test_texts_that_are_too_long(self):
        long = " ".join("abcdefghijklmnopq")
        self.refused(base.CONTEXT_FULL, ["embed", self.encoder, "a", long], "text 2 has 19 tokens", "16 at most", "--truncate")
        self.refused(base.CONTEXT_FULL, ["embed", self.encoder, "--ids", ",".join("5" * 17)], "17", "16")
        self.refused(base.BAD_USE, ["embed", self.encoder, long, "--ctx", "32"], "32", "16")
        # The end is cut off, [SEP] stays.
        self.assertEqual(self.vectors(long, "--truncate"), self.vectors("--ids", ids_of(" ".join("abcdefghijklmn"))))

    def test_a_file_that_does_not_say(self):
        silent = self.make("silent.gguf", encoder_file())
        for model, what in ((silent, "their mean"), (self.model, "that of the last")):
            rc, out, err = self.run_hearth("embed", model, "a b")
            self.assertEqual(rc, 0, err)
            self.assertIn(what, err)
            rc, other, err = self.run_hearth("embed", model, "a b", "--pooling", "mean" if model == silent else "last")
            self.assertEqual((rc, err), (0, ""))
            self.assertEqual(out, other)

    def test_embed_is_told_wrong(self):
        self.refused(base.UNSUPPORTED, ["embed", self.ranker, "a"], "hearth rerank", "--pooling")
        self.refused(base.BAD_USE, ["embed", self.encoder, "a", "--ids", "5"], "both")
        self.refused(base.BAD_USE, ["embed", self.encoder, "a", "--file", self.make("t", b"a")], "both")
        self.refused(base.BAD_USE, ["embed", self.encoder, "a", "--json", "--out", self.out], "both")
        self.refused(base.BAD_USE, ["embed", self.encoder, "a", "b", "--pooling", "none", "--out", self.out], "one text")
        self.refused(base.BAD_USE, ["embed", self.encoder, "a", ""], "text 2 is empty")
        self.refused(base.BAD_USE, ["embed", self.encoder, "--file", self.make("gap", b"a\n\nb\n")], "text 2 is empty")
        self.refused(base.BAD_USE, ["embed", self.encoder], "no text")
        self.refused(base.BAD_USE, ["embed", self.encoder, "--ids", "5,99"], "99", "does not exist")
        self.refused(base.BAD_USE, ["embed", self.encoder, "a", "--pooling", "max"], "max")
        self.refused(base.NOT_FOUND, ["embed", self.encoder, "--file", os.path.join(self.folder, "absent")], "absent")

    def test_encoders_do_not_chat(self):
        self.refused(base.UNSUPPORTED, ["run", self.encoder, "a"], "'bert'", "hearth embed")
        self.refused(base.UNSUPPORTED, ["logits", self.encoder, "--ids", "5", "--out", self.out], "'bert'", "hearth embed")

    # ---- rerank

    def rerank(self, *words, model=None):
        rc, out, err = self.run_hearth("rerank", model or self.ranker, "--query", "a b", *words, "--json")
        self.assertEqual(rc, 0, err)
        return json.loads(out)["results"]

    def test_documents_in_order(self):
        documents = ["c d", "e", "f g h", "e"]
        results = self.rerank(*documents)
        self.assertEqual(sorted(result["index"] for result in results), [0, 1, 2, 3])
        scores = [result["score"] for result in results]
        self.assertEqual(scores, sorted(scores, reverse=True))
        for result in results:
            self.assertEqual(result["document"], documents[result["index"]])
            self.assertEqual(result["score"], self.rerank(documents[result["index"]])[0]["score"])
        self.assertEqual(self.rerank(*documents, "--top", "2"), results[:2])
        lines = self.make("lines.txt", "\n".join(documents).encode())
        self.assertEqual(self.rerank("--file", lines), results)
        rc, out, _ = self.run_hearth("rerank", self.ranker, "--query", "a b", *documents, "--top", "1")
        score, document = out.decode().strip().split("  ", 1)
        self.assertEqual(document, documents[results[0]["index"]])
        self.assertAlmostEqual(float(score), scores[0], places=5)

    def test_the_score_is_the_heads(self):
        """[CLS] query [SEP] document [SEP], and the first token's state times the head."""
        pair = ids_of("a b") + "," + ids_of("c").split(",", 1)[1]
        state = self.vectors("--ids", pair, "--pooling", "cls", "--no-normalize", model=self.ranker)[0]
        with open(self.ranker, "rb") as file:
            content = file.read()
        head = struct.unpack(f"<{WIDTH}f", content[-4 * WIDTH:])
        self.assertAlmostEqual(self.rerank("c")[0]["score"], sum(x * y for x, y in zip(state, head)), places=5)

    def test_yes_and_no(self):
        model = self.make("yes.gguf", encoder_file(pooling=4, head=2, labels=["yes", "no"]))
        for result in self.rerank("c", "d e", model=model):
            self.assertTrue(0 < result["score"] < 1)

    def test_rerank_is_told_wrong(self):
        self.refused(base.BAD_USE, ["rerank", self.ranker, "c"], "--query")
        self.refused(base.BAD_USE, ["rerank", self.ranker, "--query", "", "c"], "--query")
        self.refused(base.BAD_USE, ["rerank", self.ranker, "--query", "a"], "no text")
        for model, arch in ((self.encoder, "'bert'"), (self.model, "'llama'")):
            words = ["rerank", model, "--query", "a", "c"] + (["--ctx", "2048"] if model == self.model else [])
            self.refused(base.UNSUPPORTED, words, arch, "no head that ranks", "bge-reranker")
        many = self.make("many.gguf", encoder_file(pooling=4, head=3, labels=["x", "y", "z"]))
        self.refused(base.UNSUPPORTED, ["rerank", many, "--query", "a", "c"], "3 classes")
        long = " ".join("abcdefghijklmnop")
        self.refused(base.CONTEXT_FULL, ["rerank", self.ranker, "--query", "a", "b", long], "document 2", "20 tokens", "16", "--truncate")

    def test_a_long_document_is_cut(self):
        long = " ".join("abcdefghijklmnop")
        rc, out, err = self.run_hearth("rerank", self.ranker, "--query", "a", "b", long, "--truncate", "--json")
        self.assertEqual(rc, 0, err)
        self.assertIn("document 2 with the query is cut from 20 to 16 tokens", err)
        results = {result["index"]: result for result in json.loads(out)["results"]}
        self.assertEqual(results[1]["document"], long)
        rc, out, err = self.run_hearth("rerank", self.ranker, "--query", "a", " ".join("abcdefghijkl"), "--json")
        self.assertEqual(json.loads(out)["results"][0]["score"], results[1]["score"])

    def test_show_tells_the_pooling(self):
        for pooling, name in ((1, "mean"), (2, "cls"), (None, "mean")):
            path = self.make("pooled.gguf", encoder_file(pooling=pooling))
            rc, out, _ = self.run_hearth("show", path)
            self.assertEqual(rc, 0)
            self.assertRegex(out.decode(), rf"pooling +{name}\n")
            self.assertEqual(json.loads(self.run_hearth("show", path, "--json")[1])["pooling"], name)


if __name__ == "__main__":
    unittest.main()
