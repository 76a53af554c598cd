/**
 * What a user may ask for: the job request, its published JSON schema, the recipe presets and the table of settings
 * that are accepted by the contract but not done by any stage yet. Imports nothing of the project but
 * {@code dev.quantline.onnx.BadInput}.
 */
package dev.quantline.pipeline.job;
