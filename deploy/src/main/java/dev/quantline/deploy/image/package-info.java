/**
 * Container images of the services and of the command line, made without a container engine: {@link Images} is what Maven's profile
 * {@code images} runs. Layers are planned as lists of files here; <a href="https://github.com/GoogleContainerTools/jib">Jib</a> packs them.
 */
package dev.quantline.deploy.image;
