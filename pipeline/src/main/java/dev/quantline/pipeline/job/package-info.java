/**
 * What a user may ask for: the job request, its published JSON schema and the recipe presets. Imports nothing of the
 * project but {@code dev.quantline.onnx.BadInput}.
 */
package dev.quantline.pipeline.job;
