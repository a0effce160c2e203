"""
Title: Certify one image
Description: A pretrained model of the zoo, one image, one radius: ten lines.
"""

import numpy as np

import gloro_tf
import zoo

model = zoo.load("convnet_2c2f.mnist")  # checked by SHA-256, frozen

digit = gloro_tf.data.load("digits").x_test[0, :, :, 0]  # an 8x8 digit that comes with the package
image = np.pad(np.kron(digit, np.ones((3, 3))), 2)[None, :, :, None] / 255.0

label, radius, certified = model.certify(image)
print(f"label {label[0]}; no change of L2 norm below {radius[0]:.3f} can alter it")
