"""
Title: Serve certificates
Description: A certified model as an ONNX program, answering over HTTP without Keras or TensorFlow.

Needs `pip install "gloro_tf[onnx]"`.
"""

import http.server
import json
import pathlib
import tempfile
import threading
import urllib.request

import numpy as np
import onnxruntime

import gloro_tf
import zoo

"""
## Export

The program holds the network, the bound, and the slack for float32 rounding. `check_on` are the inputs
on which it must agree with `certify` before the file appears.
"""

digits = gloro_tf.data.load("digits").x_test[:100, :, :, 0]
images = np.pad(np.kron(digits, np.ones((1, 3, 3))), ((0, 0), (2, 2), (2, 2)))[..., None] / 255.0
images = images.astype("float32")

model = zoo.load("convnet_2c2f.mnist")
path = pathlib.Path(tempfile.mkdtemp()) / "digits.onnx"
gloro_tf.export(model, path, format="onnx", check_on=images[:16])

"""
## Serve

This half needs onnxruntime and NumPy alone.
"""

session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        batch = np.asarray(json.loads(body), "float32")
        answer = dict(zip(names, session.run(None, {"inputs": batch}), strict=True))
        text = json.dumps({k: answer[k].tolist() for k in ("label", "radius", "certified")})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

"""
## Ask
"""

request = urllib.request.Request(
    f"http://127.0.0.1:{server.server_port}", json.dumps(images.tolist()).encode()
)
with urllib.request.urlopen(request) as response:
    served = json.load(response)
server.shutdown()
server.server_close()

label, radius, certified = model.certify(images)
assert served["label"] == label.tolist()
assert np.all(np.array(served["radius"]) <= radius)
difference = np.abs(np.array(served["radius"]) - radius).max()
print(f"{sum(served['certified'])} of {len(images)} certified over HTTP, as by `certify`:")
print(f"the radii are at most {difference:.1e} smaller")
